export {
  type AppServerTurnOptions,
  AppServerTurns,
  type TurnProcess,
  untranslatableArgument,
} from "./app-server-turns.ts";
export type { ServerPoolOptions } from "./server-pool.ts";
