/**
 * What `lineRole` tells, by single bytes and for the commonest lines only: the rest of a rollout is passed over at the speed of reading
 * it. Knows the two forms in which codex begins a line (0.135 to 0.169), and says nothing of any other.
 */
export type QuickRole = "call" | "output" | "count" | "other" | undefined;

const [QUOTE, BACKSLASH, COMMA, BRACE, CLOSE] = [0x22, 0x5c, 0x2c, 0x7b, 0x7d];
const [UNDERSCORE, COLON] = [0x5f, 0x3a];
/** How `response_item` ends, and `event_msg` does not. */
const M = 0x6d;
const [A, C, F] = [0x41, 0x43, 0x46];
const [a, c, d, e, f, g, i, o, r, t, x, y] = [0x61, 0x63, 0x64, 0x65, 0x66, 0x67, 0x69, 0x6f, 0x72, 0x74, 0x78, 0x79];

/** `{"timestamp":"` and 24 characters, up to the comma behind them. */
const AFTER_TIME = 39;
const ORDINAL = ',"ordinal":'.length;
const TYPE = ',"type":"'.length;
const PAYLOAD = '","payload":{"type":"'.length;
const RESPONSE_ITEM = "response_item".length;
const EVENT_MSG = "event_msg".length;
const UUID = "01a218bc-cb2d-7002-a966-5cd8edc575df";
const ITEM = `item_completed","thread_id":"${UUID}","turn_id":"${UUID}","item":{"type":"`.length;

/** @returns Where the payload's type begins; 0 if it does not begin with one, or the line does not look as expected. */
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

/** @param at Where the payload's type begins. */
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
 * `item_completed","thread_id":"<uuid>","turn_id":"<uuid>","item":{"type":"CommandExecution","id":"call_…`: of a call that has lines of
 * its own, or of what the model said.
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

/** Where the id of an output stands, from its payload's type on: behind an id of its own, if it has one. 0 if it is not found. */
export function outputIdAt(bytes: Uint8Array, typeAt: number): number {
  let at = endOfString(bytes, typeAt) + 1;
  // `,"id":"…"`
  if (at > 1 && bytes[at] === COMMA && bytes[at + 2] === i) at = endOfString(bytes, at + 7) + 1;
  // `,"call_id":"`
  return at > 1 && bytes[at] === COMMA && bytes[at + 2] === c && bytes[at + 9] === QUOTE && bytes[at + 11] === QUOTE
    ? at + 12
    : 0;
}

/** So much of a call's end is looked at, where its id stands behind the arguments. */
const TAIL_BYTES = 512;
const CALL_ID = Buffer.from('"call_id":"');

/** Where the id of a call stands, behind its arguments: last of all (0.135, 0.169), or near the end. 0 if it is not found. */
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
  const at = bytes.lastIndexOf(CALL_ID, end);
  return at < typeAt || at < end - TAIL_BYTES ? 0 : at + CALL_ID.length;
}

/** Between the type of a turn's beginning or end and the turn's id. */
export const TURN_ID = '","turn_id":"';
const TURN_EVENTS = (["task_started", "task_complete"] as const).map(
  (type) => [type, Buffer.from(type + TURN_ID)] as const,
);

/** The type of an event that begins or ends a turn, if the turn's id stands right behind it (0.135 to 0.169). */
export function turnEventAt(bytes: Buffer, typeAt: number): "task_started" | "task_complete" | undefined {
  if (bytes[typeAt - PAYLOAD - 1] === M || bytes[typeAt] !== t || bytes[typeAt + 1] !== a) return undefined;
  const found = TURN_EVENTS.find(([, start]) => start.equals(bytes.subarray(typeAt, typeAt + start.length)));
  return found?.[0];
}

/** Whether an output is a text, and not a list of blocks. @param idEnd Where the call's id ends, which stands before it. */
export const isTextOutput = (bytes: Uint8Array, idEnd: number): boolean =>
  // `,"output":"`
  bytes[idEnd + 1] === COMMA && bytes[idEnd + 3] === o && bytes[idEnd + 10] === COLON && bytes[idEnd + 11] === QUOTE;

/** The quote behind a string that has no escapes; -1 if it has any, or is long. */
export function endOfString(bytes: Uint8Array, from: number): number {
  for (let at = from; at < from + 128; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) return -1;
  }
  return -1;
}

/** The hash of a string that stands in some bytes, as `hashOf` has it; undefined if it is not ASCII. */
export function hashAt(bytes: Uint8Array, from: number, end: number): number | undefined {
  let hash = 0x811c9dc5;
  for (let at = from; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte >= 0x80) return undefined;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 2;
}
