export {
  type EditableLine,
  type EditJsonlOptions,
  type EditReport,
  editJsonl,
} from "./edit-jsonl.ts";
export { type EditLeftover, type EditLeftoversOptions, editLeftovers } from "./edit-leftovers.ts";
export { type EditPlan, idsOf, type SkippedId } from "./edit-plan.ts";
export { asJsonlEditError, isErrno, JsonlEditError, type JsonlEditErrorCode } from "./errors.ts";
export { type Files, nodeFiles, type OpenFile, type OpenFlags, type ReadableFile, sameFile } from "./files.ts";
export type { Span } from "./json-scan.ts";
export { type JsonMember, JsonValue } from "./json-value.ts";
export { lockJsonl } from "./lock-jsonl.ts";
export type { LockJsonlOptions } from "./lock-options.ts";
export {
  type EditOptions,
  type EditOutcome,
  type JsonlEditor,
  type LockedJsonl,
  type RewriteGuard,
  SearchableFile,
} from "./locked-jsonl.ts";
export { Pauses } from "./pauses.ts";
export { type RecoverJsonlOptions, type Recovery, recoverBeforeReading, recoverJsonl } from "./recover-jsonl.ts";
export type { LineChange, Patch, PlannedLine, Replacement } from "./replacement.ts";
export type { FoundLine, SearchLimits } from "./search-backward.ts";
export type { SidecarNames } from "./sidecar.ts";
