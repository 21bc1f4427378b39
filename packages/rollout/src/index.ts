export { type CallEdit, consumeHeavy, consumeLight } from "./call-edit.ts";
export { RolloutError, type RolloutErrorCode } from "./errors.ts";
export type { MutationCost } from "./estimate-cost.ts";
export {
  type FindRolloutOptions,
  type FoundRollout,
  findRollout,
  findRolloutFile,
  rolloutFilesBelow,
} from "./find-rollout.ts";
export { threadIdInFirstLine } from "./first-line.ts";
export { type FollowRolloutOptions, followRollout } from "./follow-rollout.ts";
export { type HistorySegment, historyChain } from "./history-chain.ts";
export { type MutateRolloutOptions, mutateRollout } from "./mutate-rollout.ts";
export { type MutationLeftover, mutationLeftovers } from "./mutation-leftovers.ts";
export type { MutationReport, SkippedEdit, SkipReason } from "./mutation-report.ts";
export { type ReadRolloutOptions, readRollout } from "./read-rollout.ts";
export { readThreadCalls, type ThreadCall, type ThreadCalls } from "./read-thread-calls.ts";
export { type PairedToolCall, type ReadToolCallsOptions, readToolCalls } from "./read-tool-calls.ts";
export { type RecoverOptions, type Recovery, recoverRollout } from "./recover-rollout.ts";
export { type RestoreReport, type RestoreRolloutOptions, restoreRollout } from "./restore-rollout.ts";
export type { DamageReason, RolloutEntry } from "./rollout-entry.ts";
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
} from "./rollout-line.ts";
export { parseRolloutName, type RolloutName } from "./rollout-name.ts";
export { type CallRules, selectCalls } from "./select-calls.ts";
export { readThreadUsage, type ThreadUsage } from "./thread-usage.ts";
export type { ToolCall, ToolCallKind, ToolOutput } from "./tool-call.ts";
export { type ToolCallEvent, ToolCallPairer } from "./tool-call-pairer.ts";
export { type TrackedMessage, type TrackedTurn, TurnTracker } from "./turn-tracker.ts";
export { messagesKeptBy, type UserMessage, userMessageOf } from "./user-message.ts";
