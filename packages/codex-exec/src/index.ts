export { CodexExecError, type CodexExecErrorCode, type CodexExecErrorOptions } from "./errors.ts";
export { type ImageLeftover, imageLeftovers } from "./image-leftovers.ts";
export type { PromptImage } from "./images.ts";
export { type CodexBinary, locateCodex } from "./locate.ts";
export { type OrphanedTurn, type OrphanedTurnsOptions, orphanedTurns } from "./orphaned-turns.ts";
export {
  type CodexProbe,
  NEWEST_TESTED_VERSION,
  OLDEST_SUPPORTED_VERSION,
  type ProbeOptions,
  probeCodex,
} from "./probe.ts";
export type { EndGrace } from "./process-family.ts";
export { MAX_PROMPT_CHARACTERS } from "./prompt.ts";
export { DEFAULT_TIMEOUT_MS, type SpawnedCodex, type StartTurnOptions, startTurn } from "./start-turn.ts";
export type { CancelledTurn, CompletedTurn, FailedTurn, Turn, TurnResult } from "./turn.ts";
