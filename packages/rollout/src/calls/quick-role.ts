import { MARKERS } from "../mutate/call-edit.ts";
import { CALL_ID, TAIL_BYTES } from "./line-role.ts";

/**
 * The role of a line, as from `lineRole`, but determined from a few single bytes, and only for the most common lines. Undefined for
 * all others. So most of a rollout is skipped as fast as it is read. Codex begins a line in one of two forms (0.135 to 0.169), and only
 * these are known here.
 */
export type QuickRole = "call" | "output" | "count" | "other" | undefined;

const [QUOTE, BACKSLASH, COMMA, BRACE, CLOSE] = [0x22, 0x5c, 0x2c, 0x7b, 0x7d];
const [UNDERSCORE, COLON, DOT] = [0x5f, 0x3a, 0x2e];
/** The last letter of `response_item`, but not of `event_msg`. */
const M = 0x6d;
const [A, C, F] = [0x41, 0x43, 0x46];
const [a, c, d, e, f, g, i, o, r, t, x, y] = [0x61, 0x63, 0x64, 0x65, 0x66, 0x67, 0x69, 0x6f, 0x72, 0x74, 0x78, 0x79];

/** The length of `{"timestamp":"`, 24 characters and the closing quotation mark. */
const AFTER_TIME = 39;
const ORDINAL = ',"ordinal":'.length;
const TYPE = ',"type":"'.length;
const PAYLOAD = '","payload":{"type":"'.length;
const RESPONSE_ITEM = "response_item".length;
const EVENT_MSG = "event_msg".length;
const UUID = "01a218bc-cb2d-7002-a966-5cd8edc575df";
const ITEM = `item_completed","thread_id":"${UUID}","turn_id":"${UUID}","item":{"type":"`.length;

/** Returns where the payload's type begins. Returns 0 if the payload does not begin with its type, or the line has an unknown form. */
export function payloadTypeAt(bytes: Uint8Array, from: number, end: number): number {
  if (end - from < 128 || bytes[from] !== BRACE || bytes[from + 2] !== t) return 0;
  let at = from + AFTER_TIME;
  if (bytes[at - 1] !== QUOTE || bytes[at] !== COMMA) return 0;
  if (bytes[at + 2] === o) {
    at += ORDINAL;
    while (isDigit(bytes[at])) at++;
  }
  if (bytes[at] !== COMMA || bytes[at + 2] !== t || bytes[at + 3] !== y) return 0;
  at += TYPE;
  if (bytes[at] === r && bytes[at + RESPONSE_ITEM] === QUOTE) at += RESPONSE_ITEM;
  else if (bytes[at] === e && bytes[at + EVENT_MSG] === QUOTE) at += EVENT_MSG;
  else return 0;
  // `","payload":{"type":"`
  return bytes[at + 12] === BRACE && bytes[at + 14] === t && bytes[at + 15] === y ? at + PAYLOAD : 0;
}

const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/**
 * Returns the role of a line, if it is one of the most common.
 * @param at Where the payload's type begins.
 */
export function quickRole(bytes: Uint8Array, at: number): QuickRole {
  return bytes[at - PAYLOAD - 1] === M ? quickItemRole(bytes, at) : quickEventRole(bytes, at);
}

function quickItemRole(bytes: Uint8Array, at: number): QuickRole {
  switch (bytes[at]) {
    case f: // function_call, function_call_output
      if (bytes[at + 8] !== UNDERSCORE || bytes[at + 9] !== c) return undefined;
      return bytes[at + 13] === QUOTE ? "call" : bytes[at + 14] === o ? "output" : undefined;
    case c: // custom_tool_call, custom_tool_call_output
      if (bytes[at + 6] !== UNDERSCORE || bytes[at + 7] !== t) return undefined;
      return bytes[at + 16] === QUOTE ? "call" : bytes[at + 17] === o ? "output" : undefined;
    case r: // reasoning
      return bytes[at + 1] === e && bytes[at + 8] === g && bytes[at + 9] === QUOTE ? "other" : undefined;
    default:
      return undefined;
  }
}

function quickEventRole(bytes: Uint8Array, at: number): QuickRole {
  switch (bytes[at]) {
    case t: // token_count
      return bytes[at + 1] === o && bytes[at + 5] === UNDERSCORE && bytes[at + 6] === c ? "count" : undefined;
    case a: // agent_message, agent_reasoning
      return bytes[at + 1] === g && bytes[at + 5] === UNDERSCORE ? "other" : undefined;
    case e: // exec_command_begin, exec_command_end
      return bytes[at + 1] === x && bytes[at + 4] === UNDERSCORE ? "other" : undefined;
    case i: // item_completed
      return bytes[at + 4] === UNDERSCORE && bytes[at + 5] === c ? itemRole(bytes, at) : undefined;
    default:
      return undefined;
  }
}

/**
 * Returns the role of an `item_completed","thread_id":"<uuid>","turn_id":"<uuid>","item":{"type":"CommandExecution","id":"call_…`. It
 * is `other` for a call that also has response items, and for a message of the model.
 */
function itemRole(bytes: Uint8Array, at: number): QuickRole {
  const item = at + ITEM;
  if (bytes[item - 1] !== QUOTE || bytes[item - 3] !== COLON || bytes[item - 4] !== QUOTE) return undefined;
  if (bytes[item] === A && bytes[item + 1] === g) return "other";
  if (bytes[item] !== C && bytes[item] !== F) return undefined;
  // `","id":"call_`
  const id = endOfString(bytes, item) + 8;
  return bytes[id] === c && bytes[id - 1] === QUOTE && bytes[id - 2] === COLON ? "other" : undefined;
}

/** Returns where the call id of an output begins, after the item's own id if it has one. Returns 0 if it is not found. */
export function outputIdAt(bytes: Uint8Array, typeAt: number): number {
  let at = endOfString(bytes, typeAt) + 1;
  // `,"id":"…"`
  if (at > 1 && bytes[at] === COMMA && bytes[at + 2] === i) at = endOfString(bytes, at + 7) + 1;
  // `,"call_id":"`
  return at > 1 && bytes[at] === COMMA && bytes[at + 2] === c && bytes[at + 9] === QUOTE && bytes[at + 11] === QUOTE
    ? at + 12
    : 0;
}

const CALL_ID_BYTES = Buffer.from(CALL_ID);

/**
 * Returns where the id of a call begins, after its arguments. It is the last field (0.135, 0.169), or near the end. Returns 0 if it
 * is not found.
 */
export function callIdAt(bytes: Buffer, typeAt: number, end: number): number {
  // `"call_id":"…"}}`
  if (bytes[end - 1] === CLOSE && bytes[end - 2] === CLOSE && bytes[end - 3] === QUOTE)
    for (let at = end - 4; at > end - 68; at--) {
      const byte = bytes[at];
      if (byte === BACKSLASH) break;
      if (byte !== QUOTE) continue;
      const isId =
        bytes[at - 1] === COLON && bytes[at - 2] === QUOTE && bytes[at - 3] === d && bytes[at - 5] === UNDERSCORE;
      if (isId && bytes[at - 10] === QUOTE && bytes[at - 9] === c && bytes[at - 11] === COMMA) return at + 1;
      break;
    }
  const at = bytes.lastIndexOf(CALL_ID_BYTES, end);
  return at < typeAt || at < end - TAIL_BYTES ? 0 : at + CALL_ID.length;
}

/** What separates the type of a turn's first or last event from the turn's id. */
export const TURN_ID = '","turn_id":"';
const TURN_EVENTS = (["task_started", "task_complete"] as const).map(
  (type) => [type, Buffer.from(type + TURN_ID)] as const,
);

/** Returns the type of an event that begins or ends a turn, if the turn's id directly follows it (0.135 to 0.169). */
export function turnEventAt(bytes: Buffer, typeAt: number): "task_started" | "task_complete" | undefined {
  if (bytes[typeAt - PAYLOAD - 1] === M || bytes[typeAt] !== t || bytes[typeAt + 1] !== a) return undefined;
  const found = TURN_EVENTS.find(([, start]) => start.equals(bytes.subarray(typeAt, typeAt + start.length)));
  return found?.[0];
}

/**
 * Returns true if an output is a text, not a list of blocks.
 * @param idEnd Where the call's id ends, which precedes the output.
 */
export const isTextOutput = (bytes: Uint8Array, idEnd: number): boolean =>
  // `,"output":"`
  bytes[idEnd + 1] === COMMA && bytes[idEnd + 3] === o && bytes[idEnd + 10] === COLON && bytes[idEnd + 11] === QUOTE;

const QUOTED_MARKERS = MARKERS.map((marker) => [marker, Buffer.from(`"${marker}"`)] as const);

/**
 * Returns the marker of a consumption, if an output is one.
 * @param idEnd Where the call's id ends, which precedes the output.
 */
export function markerAt(bytes: Buffer, idEnd: number): string | undefined {
  const at = idEnd + 11;
  // Most outputs are others.
  if (bytes[at + 1] !== DOT) return undefined;
  const found = QUOTED_MARKERS.find(([, json]) => json.equals(bytes.subarray(at, at + json.length)));
  return found?.[0];
}

/** Returns where a string without escapes ends: its closing quotation mark. Returns -1 if it has escapes, or is long. */
export function endOfString(bytes: Uint8Array, from: number): number {
  for (let at = from; at < from + 128; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) return -1;
  }
  return -1;
}

/** Returns the hash of a string in some bytes, the same as from `hashOf`. Returns undefined if it is not ASCII. */
export function hashAt(bytes: Uint8Array, from: number, end: number): number | undefined {
  let hash = 0x811c9dc5;
  for (let at = from; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte >= 0x80) return undefined;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 2;
}
