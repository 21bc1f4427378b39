export { type EndStep, endProcess } from "./end-process.ts";
export { CliTurnError, type CliTurnErrorCode } from "./errors.ts";
export { EventQueue } from "./event-queue.ts";
export {
  locateExecutable,
  type NpmLauncher,
  type Program,
  scriptBehindLauncher,
  whyNotRunnable,
} from "./locate-program.ts";
export { MARKER_VARIABLE, markerValue, newTurnMarker } from "./marker.ts";
export { type OrphanedTurn, type OrphanedTurnsOptions, orphanedTurns } from "./orphaned-turns.ts";
export { DEFAULT_GRACE, type EndGrace, ProcessFamily } from "./process-family.ts";
export { commandLines, type RunningProcess } from "./processes.ts";
export {
  type MarkedProcess,
  makeWorkspace,
  type PipedProcess,
  type SpawnMarkedOptions,
  spawnMarked,
} from "./spawn-marked.ts";
export {
  type CliEnd,
  type CliRun,
  DEFAULT_TIMEOUT_MS,
  type Ending,
  endLeftovers,
  type OutputParser,
  type StartCliOptions,
  startCli,
} from "./start-cli.ts";
export { StderrReader } from "./stderr-reader.ts";
