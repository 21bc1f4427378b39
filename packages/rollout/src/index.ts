export type { CallPlaces } from "./calls/call-places.ts";
export {
  type CallCount,
  type ReadThreadCallsOptions,
  readThreadCalls,
  type ThreadCall,
  type ThreadCalls,
} from "./calls/read-thread-calls.ts";
export { type PairedToolCall, type ReadToolCallsOptions, readToolCalls } from "./calls/read-tool-calls.ts";
export { type CallRules, selectCalls } from "./calls/select-calls.ts";
export type { ThreadContext } from "./calls/thread-context.ts";
export type { ToolCall, ToolCallKind, ToolOutput } from "./calls/tool-call.ts";
export { type ToolCallEvent, ToolCallPairer } from "./calls/tool-call-pairer.ts";
export { RolloutError, type RolloutErrorCode } from "./errors.ts";
export { homesOfRollout } from "./find/codex-home.ts";
export {
  type FindRolloutOptions,
  type FoundRollout,
  findRollout,
  findRolloutFile,
  rolloutFilesBelow,
} from "./find/find-rollout.ts";
export { threadIdInFirstLine } from "./find/first-line.ts";
export { parseRolloutName, type RolloutName } from "./find/rollout-name.ts";
export { adoptRollout } from "./find/state-database.ts";
export { type CallEdit, consumeHeavy, consumeLight } from "./mutate/call-edit.ts";
export type { MutationCost } from "./mutate/estimate-cost.ts";
export { type MutateRolloutOptions, mutateRollout } from "./mutate/mutate-rollout.ts";
export type { MutationReport, SkippedEdit, SkipReason } from "./mutate/mutation-report.ts";
export { guardAgainstWriters, type WriterGuard } from "./mutate/writer-guard.ts";
export { type FollowRolloutOptions, followRollout } from "./read/follow-rollout.ts";
export { type HistorySegment, historyChain } from "./read/history-chain.ts";
export { type ReadRolloutOptions, readRollout } from "./read/read-rollout.ts";
export type { DamageReason, RolloutEntry } from "./read/rollout-entry.ts";
export type {
  Compacted,
  EventMessage,
  KnownRolloutLine,
  OtherRolloutLine,
  ResponseItem,
  RolloutLine,
  SessionMeta,
  TokenTotals,
  TokenUsageRecord,
  TurnContext,
} from "./read/rollout-line.ts";
export { readThreadUsage, type ThreadUsage } from "./read/thread-usage.ts";
export { type TrackedMessage, type TrackedTurn, TurnTracker } from "./read/turn-tracker.ts";
export { type UserMessage, userMessageOf } from "./read/user-message.ts";
export { type MutationLeftover, mutationLeftovers } from "./recover/mutation-leftovers.ts";
export { type RecoverOptions, type Recovery, recoverRollout } from "./recover/recover-rollout.ts";
export { type RestoreReport, type RestoreRolloutOptions, restoreRollout } from "./restore/restore-rollout.ts";
