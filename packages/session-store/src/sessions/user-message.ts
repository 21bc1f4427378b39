/** A message of a rollout that the user wrote. */
export interface UserMessage {
  /** What codex shows of it (`event`), or what the model is given (`item`): usually both stand in a rollout, once each. */
  readonly source: "event" | "item";
  /** Empty if it was an image and nothing else. */
  readonly text: string;
}

/** One of these stands in every line that holds a message of the user's, and in few others. Codex writes no space between. */
const MARKERS = ['"user_message"', '"UserMessage"', '"role":"user"'].map((marker) => Buffer.from(marker));

/** Beginnings of what codex gives to the model in the user's name (seen in 0.135.0 to 0.169.0, and their strings). */
const INJECTED =
  /^\s*(?:# AGENTS\.md instructions|<(?:environment_context|user_instructions|INSTRUCTIONS|permissions instructions|turn_aborted|user_shell_command|user_action|skill|skills_instructions|plugins_instructions|recommended_plugins|subagent_notification|codex_delegation|collaboration_mode|model_switch|context_window\w*|hook_prompt|hook_context)\b)/;

const MAX_CHARACTERS = 140;

/** Whether a line has to be parsed to know. */
export const mayHoldUserMessage = (line: Buffer): boolean => MARKERS.some((marker) => line.includes(marker));

/** The user's message in a rollout's line, if that is what it holds. */
export function userMessageOf(line: Buffer): UserMessage | undefined {
  let parsed: Loose;
  try {
    parsed = JSON.parse(line.toString("utf8"));
  } catch {
    return undefined;
  }
  const payload = parsed?.payload;
  if (parsed?.type === "event_msg") {
    if (payload?.type === "user_message") return written("event", payload.message);
    if (payload?.type === "item_completed" && payload.item?.type === "UserMessage")
      return written("event", textOf(payload.item.content));
  }
  if (parsed?.type === "response_item" && payload?.type === "message" && payload.role === "user") {
    const kinds = payload.internal_chat_message_metadata_passthrough?.content_item_kinds;
    const own = parts(payload.content).filter((part, index) => !isInjected(part, parts(kinds)[index]));
    return own.length === 0 ? undefined : written("item", textOf(own));
  }
  return undefined;
}

/** The beginning of a message, at most 140 characters long with its `...`. */
export function excerpt(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length <= MAX_CHARACTERS) return trimmed;
  // No half of a pair at the end.
  const cut = trimmed.slice(0, MAX_CHARACTERS - 3).replace(/[\ud800-\udbff]$/, "");
  return `${cut.trimEnd()}...`;
}

// biome-ignore lint/suspicious/noExplicitAny: what a file holds, looked at field by field.
type Loose = any;

function written(source: UserMessage["source"], text: unknown): UserMessage | undefined {
  return typeof text !== "string" || INJECTED.test(text) ? undefined : { source, text };
}

const parts = (content: unknown): Loose[] => (Array.isArray(content) ? content : []);

const textOf = (content: unknown): string =>
  parts(content)
    .map((part) => part?.text)
    .filter((text) => typeof text === "string")
    .join("\n");

/** Codex says since 0.169 (or a little before) what each part is. */
const isInjected = (part: Loose, kind: unknown): boolean =>
  (typeof kind === "string" && kind !== "unknown" && !kind.startsWith("user.")) ||
  (typeof part?.text === "string" && INJECTED.test(part.text));
