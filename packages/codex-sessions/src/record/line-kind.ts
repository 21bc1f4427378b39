/** What a line of a rollout means for a list of sessions. */
export interface LineKind {
  /** The timestamp at the line's beginning. "" if there is none. */
  readonly time: string;
  /**
   * - `event`, `item`: it may contain a message of the user's, in the form that codex shows or in the one that the model gets
   * - `removal`: it rolls back or summarizes what is before it
   * - `turn`: a turn starts or ends with it
   * - `work`: anything else that a turn writes
   * - `other`: settings, and what codex writes when a thread is only opened
   * - `unknown`: it has to be parsed
   */
  readonly kind: "event" | "item" | "removal" | "turn" | "work" | "other" | "unknown";
}

/** How much of a line is examined. It includes the type of everything that codex writes, and a message's role. */
const PREFIX_BYTES = 512;

const START =
  /^\s*\{\s*"timestamp"\s*:\s*"([^"]*)"\s*,\s*(?:"ordinal"\s*:\s*\d+\s*,\s*)?"type"\s*:\s*"(\w+)"\s*,\s*"payload"\s*:\s*\{(?:\s*"type"\s*:\s*"(\w+)")?/;
const ROLE = /"role"\s*:\s*"(\w+)"/;
const ITEM_TYPE = /"item"\s*:\s*\{\s*"type"\s*:\s*"(\w+)"/;

/** Events for a thread's settings, not for its use (0.169). */
const SETTINGS = /^thread_(?!rolled_back$)/;
const TURN_EVENTS = new Set(["task_started", "task_complete", "turn_aborted"]);
const WORK = new Set(["token_usage_record", "inter_agent_communication"]);

/** Classifies a line by its beginning, without parsing it. */
export function lineKind(line: Buffer): LineKind {
  const prefix = line.toString("latin1", 0, PREFIX_BYTES);
  const [, time = "", type = "", payloadType] = START.exec(prefix) ?? [];
  return { time, kind: type === "" ? "unknown" : kindOf(type, payloadType, prefix) };
}

function kindOf(type: string, payloadType: string | undefined, prefix: string): LineKind["kind"] {
  if (type === "compacted") return "removal";
  if (type === "event_msg") {
    if (payloadType === undefined) return "unknown";
    if (payloadType === "user_message") return "event";
    if (payloadType === "thread_rolled_back") return "removal";
    if (TURN_EVENTS.has(payloadType)) return "turn";
    if (payloadType === "item_completed") return completedKind(ITEM_TYPE.exec(prefix)?.[1]);
    return SETTINGS.test(payloadType) ? "other" : "work";
  }
  if (type === "response_item") {
    if (payloadType === undefined) return "unknown";
    if (payloadType !== "message") return "work";
    const role = ROLE.exec(prefix)?.[1];
    return role === undefined ? "unknown" : role === "user" ? "item" : "work";
  }
  return WORK.has(type) ? "work" : "other";
}

const completedKind = (itemType: string | undefined): LineKind["kind"] =>
  itemType === undefined ? "unknown" : itemType === "UserMessage" ? "event" : "work";
