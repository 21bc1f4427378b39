import type { Usage } from "@plexum/codex-jsonl";
import type { CodexTurnError } from "./errors.ts";
import type { TurnEvent } from "./turn-event.ts";

/**
 * One turn of a thread, however codex is run. It owns the processes that it started: once `result` has settled, whatever the
 * outcome, none of them is alive.
 */
export interface Turn extends AsyncDisposable {
  /**
   * The events as they happen. Can be read once. Read them to the end, or leave the loop to drop the rest. Unread events stay
   * in memory, and codex blocks when too many are unread.
   */
  readonly events: AsyncIterable<TurnEvent>;
  /** How the turn ended. Never rejects. */
  readonly result: Promise<TurnResult>;
  /** Ends the turn early with everything it started, and resolves when that is done. Does not change a turn that has ended. */
  cancel(): Promise<TurnResult>;
}

interface TurnOutcome {
  /** The thread of the turn; undefined if codex has not reported it. */
  readonly threadId: string | undefined;
  /** The text of the last `agent_message`. */
  readonly lastMessage: string | undefined;
}

export interface CompletedTurn extends TurnOutcome {
  readonly status: "completed";
  /** The **thread's** running total after this turn, as codex reports it; null if codex reported none. */
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
