import type { CodexItem, ErrorDetail } from "./items.ts";

/**
 * What codex writes, one object a line, keyed by `type`. Field names are codex's own; keys not listed here stay on the
 * object as codex wrote them.
 *
 * Seen in codex 0.135.0 and 0.169.0. A turn that is interrupted (SIGINT) or killed ends with neither `turn.completed`
 * nor `turn.failed`, and a run that fails before its turn may write nothing at all: how a turn ended is told by the
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
 * id can be resumed only once the model has been asked.
 */
export interface ThreadStartedEvent {
  type: "thread.started";
  /** A UUID. */
  thread_id: string;
}

/** Not always the second line: from 0.140 on, an `item.completed` with an `error` item may come before it. */
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

/** The turn succeeded. It may have said nothing: no `agent_message` need come before. */
export interface TurnCompletedEvent {
  type: "turn.completed";
  /** `null` if codex left it out or wrote something else: the turn succeeded all the same. */
  usage: Usage | null;
}

/**
 * Tokens of the whole thread up to here: a running total over all its turns and all requests inside them, and in a fork
 * counted on from the parent's. A turn's own usage is the difference to the total before the turn.
 */
export interface Usage {
  /** Cached ones included. */
  input_tokens: number;
  cached_input_tokens?: number | undefined;
  /** From 0.145 on. */
  cache_write_input_tokens?: number | undefined;
  /** Reasoning included. */
  output_tokens: number;
  reasoning_output_tokens?: number | undefined;
}

/** The turn failed; codex will exit with code 1. An `error` event with the same message came before: report one of them. */
export interface TurnFailedEvent {
  type: "turn.failed";
  error: ErrorDetail;
}

/**
 * Not the end of the turn. Also how codex tells of a retry (`Reconnecting... 1/4 (…)`), after which the turn may well
 * complete; whether it is fatal shows in whether `turn.failed` follows.
 */
export interface ErrorEvent {
  type: "error";
  /** For the person; may be the response body of a refused request, as JSON. Fallback `""`. */
  message: string;
}
