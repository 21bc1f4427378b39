export {
  type EditableLine,
  type EditJsonlOptions,
  type EditReport,
  editJsonl,
} from "./edit/edit-jsonl.ts";
export { type EditPlan, idsOf, type SkippedId } from "./edit/edit-plan.ts";
export {
  type EditOptions,
  type EditOutcome,
  type JsonlEditor,
  type LockedJsonl,
  type RewriteGuard,
  SearchableFile,
} from "./edit/locked-jsonl.ts";
export { asJsonlEditError, isErrno, JsonlEditError, type JsonlEditErrorCode } from "./errors.ts";
export { type Files, nodeFiles, type OpenFile, type OpenFlags, type ReadableFile, sameFile } from "./files.ts";
export { Pauses } from "./find/pauses.ts";
export type { FoundLine, SearchLimits } from "./find/search-backward.ts";
export type { Span } from "./json/json-scan.ts";
export { type JsonMember, JsonValue } from "./json/json-value.ts";
export type { LineChange, Patch, PlannedLine, Replacement } from "./json/replacement.ts";
export { lockJsonl } from "./lock/lock-jsonl.ts";
export type { LockJsonlOptions } from "./lock/lock-options.ts";
export type { SidecarNames } from "./lock/sidecar.ts";
export { type EditLeftover, type EditLeftoversOptions, editLeftovers } from "./recover/edit-leftovers.ts";
export {
  type RecoverJsonlOptions,
  type Recovery,
  recoverBeforeReading,
  recoverJsonl,
} from "./recover/recover-jsonl.ts";
