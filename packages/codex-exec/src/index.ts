export { type SpawnedCodex, type StartTurnOptions, startTurn } from "./start-turn.ts";
