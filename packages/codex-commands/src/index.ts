export { CodexCommandsError, type CodexCommandsErrorCode } from "./errors.ts";
export { formatSessions } from "./format-sessions.ts";
export type { HostNode, HostRuntime, InvokeNodeParams } from "./host-runtime.ts";
export {
  type ApprovalRequest,
  createInvokePolicies,
  type InvokePolicy,
  type InvokePolicyContext,
  type InvokeResult,
} from "./invoke-policies.ts";
export {
  type FindOnNodeOptions,
  type FoundOnNode,
  findSessionOnNode,
  type ListOnNodeOptions,
  listSessionsOnNode,
  type ResumeOnNodeOptions,
  resumeSessionOnNode,
  type SessionsOnNode,
} from "./node/sessions-on-node.ts";
export { createSessionCommands, type SessionCommand, type SessionCommandsOptions } from "./session-commands.ts";
export type { ResumedSession, SessionListing, SessionSummary } from "./session-summary.ts";
