import type { CodexEvent } from "./events.ts";

/**
 * What becomes of a line. Every line that isn't blank becomes exactly one of these, in order.
 *
 * `unknown`, `malformed` and `oversized` are made by the parser. A line whose own `type` is one of those words is an
 * `unknown` result like any other type the parser does not know, so the three always mean what they say here.
 */
export type ParsedEvent = CodexEvent | UnknownEvent | MalformedLine | OversizedLine;

/** An event type, or an item type inside an item event, that this version of the parser does not know. Not a fault. */
export interface UnknownEvent {
  type: "unknown";
  eventType: string;
  /** Set if the event is an item event: then it is the item's type that is not known. */
  itemType?: string;
  /** Where the line begins, in bytes from the start of the input. */
  offset: number;
  /** The line's JSON value as codex wrote it. */
  value: object;
}

/** A line that can't be read as an event. */
export interface MalformedLine {
  type: "malformed";
  /**
   * - `truncated`: the input ended within the line, as it does when codex is killed.
   * - `not_json`: not a JSON text.
   * - `not_an_event`: JSON, but no object with a string `type`.
   * - `wrong_shape`: an event of a known type without something it means nothing without.
   */
  reason: "truncated" | "not_json" | "not_an_event" | "wrong_shape";
  /** The reason in words, with the field for `wrong_shape`. */
  message: string;
  /** Where the line begins, in bytes from the start of the input. */
  offset: number;
  /** In bytes, without the newline. */
  length: number;
  /** The line's beginning, at most 1024 bytes of it. */
  excerpt: string;
}

/** A line over the cap. What it said is gone but for its beginning; the lines behind it are read as usual. */
export interface OversizedLine {
  type: "oversized";
  /** The event's type, if the line's beginning shows it, as the lines that codex writes do. */
  eventType?: string;
  /** The item's type, likewise. */
  itemType?: string;
  /** Where the line begins, in bytes from the start of the input. */
  offset: number;
  /** In bytes, without the newline. */
  length: number;
  /** The line's beginning, at most 1024 bytes of it. */
  excerpt: string;
}
