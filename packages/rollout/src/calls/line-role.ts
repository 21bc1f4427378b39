/**
 * What a line means for the list of a thread's calls:
 * - `call`, `output`, `nested`: a call, an output, or codex's record of a nested call
 * - `turn`: about a turn, a message from the user or a rollback; it has to be parsed
 * - `compacted`: a compaction
 * - `count`: the tokens of a request
 * - `other`: none of these
 * - `unknown`: it has to be parsed to find out
 */
export type LineRole = "call" | "output" | "nested" | "turn" | "compacted" | "count" | "other" | "unknown";

/** Returns the beginning of a line, one character per byte. */
export interface LineHead {
  head(bytes: number): string;
}

/** Enough bytes to distinguish most lines. */
const SHORT_HEAD_BYTES = 128;
/** Enough bytes to distinguish all lines. */
export const HEAD_BYTES = 512;
/** How much of a call's end is searched for its id, which follows the arguments. */
export const TAIL_BYTES = 512;
/** What precedes the id of a call. Inside a string, its quotation marks would be escaped. */
export const CALL_ID = '"call_id":"';

const TYPE = '"type":"';
const PAYLOAD = '","payload":{"type":"';
const EVENTS: Record<string, LineRole> = {
  task_started: "turn",
  task_complete: "turn",
  turn_aborted: "turn",
  thread_rolled_back: "turn",
  user_message: "turn",
  token_count: "count",
};

/** Determines the role of a line from its beginning, as codex writes it (0.135 to 0.169), without parsing it. */
export function lineRole(line: LineHead): LineRole {
  const head = line.head(SHORT_HEAD_BYTES);
  if (!head.startsWith('{"timestamp":"')) return "unknown";
  const at = head.indexOf(TYPE) + TYPE.length;
  if (head.startsWith("response_item", at)) return itemRole(line, typeAt(head, at + "response_item".length));
  if (head.startsWith("event_msg", at)) return eventRole(line, typeAt(head, at + "event_msg".length));
  if (head.startsWith('compacted"', at)) return "compacted";
  if (head.startsWith('turn_context"', at)) return "turn";
  return at < TYPE.length ? "unknown" : "other";
}

/** Returns the payload's type, if the payload begins with it. */
function typeAt(head: string, from: number): string | undefined {
  if (!head.startsWith(PAYLOAD, from)) return undefined;
  const start = from + PAYLOAD.length;
  const end = head.indexOf('"', start);
  return end === -1 ? undefined : head.slice(start, end);
}

function itemRole(line: LineHead, type: string | undefined): LineRole {
  if (type === "function_call_output" || type === "custom_tool_call_output") return "output";
  if (type === "function_call" || type === "custom_tool_call") return "call";
  if (type === "message") {
    const role = /"role":"(\w+)"/.exec(line.head(HEAD_BYTES))?.[1];
    return role === "user" ? "turn" : role === undefined ? "unknown" : "other";
  }
  return type === "reasoning" ? "other" : "unknown";
}

function eventRole(line: LineHead, type: string | undefined): LineRole {
  if (type === undefined) return "unknown";
  if (Object.hasOwn(EVENTS, type)) return EVENTS[type] ?? "other";
  if (type !== "item_completed" && type !== "mcp_tool_call_end") return "other";
  const head = line.head(HEAD_BYTES);
  if (head.includes('"exec-')) return "nested";
  return head.includes('"UserMessage"') ? "turn" : "other";
}
