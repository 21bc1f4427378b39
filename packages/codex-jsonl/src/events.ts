import type { CodexItem, ErrorDetail } from "./items.ts";

/**
 * An event that codex writes, one object per line, discriminated by `type`. Field names are codex's own. Keys not listed here
 * stay on the object as codex wrote them.
 *
 * Seen in codex 0.135.0 and 0.171.0. A turn that is interrupted (SIGINT) or killed ends with neither `turn.completed`
 * nor `turn.failed`, and a run that fails before its turn may write nothing at all. To find out how a turn ended, use the
 * exit code together with the last of these events.
 */
export type CodexEvent =
  | ThreadStartedEvent
  | TurnStartedEvent
  | ItemStartedEvent
  | ItemUpdatedEvent
  | ItemCompletedEvent
  | TurnCompletedEvent
  | TurnFailedEvent
  | ErrorEvent;

/**
 * The first line. A resumed thread keeps its id, a fork has a new one. Codex writes this before anything is on disk: the
 * thread can be resumed only after the first request to the model.
 */
export interface ThreadStartedEvent {
  type: "thread.started";
  /** A UUID. */
  thread_id: string;
}

/** Not always the second line: from 0.140 on, an `item.completed` with an `error` item may precede it. */
export interface TurnStartedEvent {
  type: "turn.started";
}

export interface ItemStartedEvent {
  type: "item.started";
  item: CodexItem;
}

export interface ItemUpdatedEvent {
  type: "item.updated";
  item: CodexItem;
}

export interface ItemCompletedEvent {
  type: "item.completed";
  item: CodexItem;
}

/** The turn succeeded. It may have no `agent_message`. */
export interface TurnCompletedEvent {
  type: "turn.completed";
  /** `null` if codex left it out or wrote something else. The turn succeeded in that case too. */
  usage: Usage | null;
}

/**
 * Tokens of the whole thread so far: a running total over all its turns and all requests inside them. A fork continues its
 * parent's total. To get a turn's own usage, subtract the total before the turn.
 */
export interface Usage {
  /** Includes cached tokens. */
  input_tokens: number;
  cached_input_tokens?: number | undefined;
  /** From 0.145 on. */
  cache_write_input_tokens?: number | undefined;
  /** Includes reasoning tokens. */
  output_tokens: number;
  reasoning_output_tokens?: number | undefined;
}

/** The turn failed, and codex will exit with code 1. An `error` event with the same message precedes it: report only one of them. */
export interface TurnFailedEvent {
  type: "turn.failed";
  error: ErrorDetail;
}

/**
 * An error that does not end the turn by itself. Codex also reports a retry this way (`Reconnecting... 1/4 (…)`), and the turn
 * may still complete. The error is fatal only if `turn.failed` follows.
 */
export interface ErrorEvent {
  type: "error";
  /** A message for the user. May be the JSON response body of a rejected request. Fallback `""`. */
  message: string;
}
