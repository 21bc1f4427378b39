import type { CodexEvent } from "./events.ts";

/**
 * The result of parsing a line. Every line that isn't blank becomes exactly one result, in order.
 *
 * The parser creates `unknown`, `malformed` and `oversized`. A line whose own `type` is one of these words becomes an
 * `unknown` result, like any other unknown type. So the three always have the meaning described here.
 */
export type ParsedEvent = CodexEvent | UnknownEvent | MalformedLine | OversizedLine;

/** An event of a type, or with an item of a type, that this version of the parser does not know. Not an error. */
export interface UnknownEvent {
  type: "unknown";
  eventType: string;
  /** Set if the event is an item event whose item has an unknown type. */
  itemType?: string;
  /** The line's offset in bytes from the start of the input. */
  offset: number;
  /** The line's JSON value as codex wrote it. */
  value: object;
}

/** A line that can't be read as an event. */
export interface MalformedLine {
  type: "malformed";
  /**
   * - `truncated`: the input ended within the line, for example because codex was killed.
   * - `not_json`: not valid JSON.
   * - `not_an_event`: JSON, but not an object with a string `type`.
   * - `wrong_shape`: an event of a known type without a required field.
   */
  reason: "truncated" | "not_json" | "not_an_event" | "wrong_shape";
  /** The reason as text. Names the field for `wrong_shape`. */
  message: string;
  /** The line's offset in bytes from the start of the input. */
  offset: number;
  /** The line's length in bytes, without the newline. */
  length: number;
  /** The line's beginning, at most 1024 bytes. */
  excerpt: string;
}

/** A line over the limit. Only its beginning is kept. Reading continues with the next line. */
export interface OversizedLine {
  type: "oversized";
  /** The event's type, if the line's beginning shows it, as in all lines that codex writes. */
  eventType?: string;
  /** The item's type, likewise. */
  itemType?: string;
  /** The line's offset in bytes from the start of the input. */
  offset: number;
  /** The line's length in bytes, without the newline. */
  length: number;
  /** The line's beginning, at most 1024 bytes. */
  excerpt: string;
}
