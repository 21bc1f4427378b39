export {
  type AppServerTurnOptions,
  AppServerTurns,
  permissionsIn,
  type TurnProcess,
  untranslatableArgument,
} from "./app-server-turns.ts";
export type { ServerPoolOptions } from "./server-pool.ts";
export type { SandboxMode } from "./wire.ts";
