import type { Usage } from "@plexum/codex-jsonl";
import type { CodexTurnError } from "./errors.ts";
import type { TurnEvent } from "./turn-event.ts";

/**
 * One turn of a thread, whatever runs it. It owns what it started: once `result` has settled, on whatever path, no
 * process of the turn is alive.
 */
export interface Turn extends AsyncDisposable {
  /**
   * What happens, as it happens; read once. Read it to its end, or leave the loop, which drops the rest: a turn whose
   * events nobody takes keeps them in memory, and in the end waits with its work undone.
   */
  readonly events: AsyncIterable<TurnEvent>;
  /** How the turn ended. Never rejects. */
  readonly result: Promise<TurnResult>;
  /** Ends the turn early, everything it started included, and resolves when that is done. A turn that is over stays as it ended. */
  cancel(): Promise<TurnResult>;
}

interface TurnOutcome {
  /** The thread the turn belongs to, once codex has named it. */
  readonly threadId: string | undefined;
  /** The text of the last `agent_message`. */
  readonly lastMessage: string | undefined;
}

export interface CompletedTurn extends TurnOutcome {
  readonly status: "completed";
  /** The **thread's** running total after this turn, as codex reports it; null if it reported none. */
  readonly threadUsage: Usage | null;
}

export interface CancelledTurn extends TurnOutcome {
  readonly status: "cancelled";
}

export interface FailedTurn extends TurnOutcome {
  readonly status: "failed";
  readonly error: CodexTurnError;
}

export type TurnResult = CompletedTurn | CancelledTurn | FailedTurn;
