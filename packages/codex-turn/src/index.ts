export { type CheckedPrompt, checkPrompt, MAX_PROMPT_CHARACTERS } from "./check-prompt.ts";
export { classifyErrorInfo, type ErrorInfo } from "./classify-error-info.ts";
export { type ClassifyOptions, classifyFailure } from "./classify-failure.ts";
export { classifyResumeFailure } from "./classify-resume-failure.ts";
export { CodexTurnError, type CodexTurnErrorCode, type CodexTurnErrorOptions } from "./errors.ts";
export { type ImageLeftover, imageLeftovers } from "./image-leftovers.ts";
export { type PromptImage, type StagedImages, stageImages } from "./images.ts";
export { asCodexError, locateCodex } from "./locate.ts";
export { isSandboxMode, type PermissionArgs, permissionsIn, type SandboxMode, splitArgument } from "./permissions.ts";
export {
  assertSupported,
  type CodexProbe,
  type LoginState,
  NEWEST_TESTED_VERSION,
  OLDEST_SUPPORTED_VERSION,
  type ProbeOptions,
  probeCodex,
} from "./probe-codex.ts";
export { SETUP_GRACE_MS } from "./setup-grace.ts";
export { TextDeltas } from "./text-deltas.ts";
export { ownProviderWarning, threadProviderIn } from "./thread-provider.ts";
export { timedOutError } from "./timed-out-error.ts";
export type { CancelledTurn, CompletedTurn, FailedTurn, Turn, TurnResult } from "./turn.ts";
export type { DeltaEvent, TurnEvent } from "./turn-event.ts";
