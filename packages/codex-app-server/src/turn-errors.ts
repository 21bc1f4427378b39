import { CodexTurnError } from "@plexum/codex-turn";
import type { JsonRpcError } from "@plexum/json-rpc";
import type { ServerExit } from "./app-server.ts";

export const stalled = (stallMs: number, detail: string) =>
  new CodexTurnError(
    "stalled",
    `Nothing happened in the turn for ${stallMs} ms (${detail}), so it was ended: try again. The thread can be resumed.`,
    { detail },
  );

export const unanswered = (error: JsonRpcError) =>
  new CodexTurnError(
    "stalled",
    `codex app-server does not answer (${error.message}), so the turn was ended: try again.`,
    {
      cause: error,
      detail: error.message,
    },
  );

export const interruptedElsewhere = () =>
  new CodexTurnError("crashed", "The turn was interrupted from outside. The thread can be resumed.");

export const crashed = ({ exitCode, signal }: ServerExit, stderr: string) =>
  new CodexTurnError(
    "crashed",
    signal === null
      ? `codex app-server exited with code ${exitCode} during the turn. The thread can be resumed.`
      : `codex app-server was killed by ${signal} during the turn: it crashed, or something else killed it. The thread can be resumed.`,
    { exitCode, signal, detail: stderr },
  );
