/** A message from the user, in a line of a rollout. */
export interface UserMessage {
  /** What codex displays (`event`), or what the model is sent (`item`). A rollout usually has both forms of a message, once each. */
  readonly source: "event" | "item";
  /** The user's text, without what codex's clients add around it. Empty if the message has only images. */
  readonly text: string;
}

// biome-ignore lint/suspicious/noExplicitAny: content of a file, checked field by field.
type Loose = any;

/**
 * Returns the user's message in a parsed line. Returns undefined for any other line, and for text that codex sends to the model in
 * the user's name. Codex's events and labels distinguish the two. If a rollout has neither, the form of the text does.
 */
export function userMessageOf(line: unknown): UserMessage | undefined {
  const { type, payload } = Object(line) as Loose;
  if (type === "event_msg") return eventMessage(payload);
  return type === "response_item" ? itemMessage(payload) : undefined;
}

/**
 * Returns the user's messages that a compaction keeps. Returns undefined if the line is not a compaction, or is one that keeps all
 * messages (it has no `replacement_history`).
 */
export function messagesKeptBy(line: unknown): UserMessage[] | undefined {
  const { type, payload } = Object(line) as Loose;
  if (type !== "compacted" || !Array.isArray(payload?.replacement_history)) return undefined;
  const summary = typeof payload.message === "string" ? payload.message.trim() : undefined;
  return payload.replacement_history.flatMap((item: Loose) => {
    const message = itemMessage(item);
    // The summary is there as one more message from the user.
    return message === undefined || message.text.trim() === summary ? [] : [message];
  });
}

function eventMessage(payload: Loose): UserMessage | undefined {
  if (payload?.type === "user_message") {
    // Early versions wrote a kind for text that was not the user's.
    const isPlain = typeof payload.kind !== "string" || payload.kind === "plain";
    return isPlain && typeof payload.message === "string"
      ? { source: "event", text: withoutFrame(payload.message) }
      : undefined;
  }
  if (payload?.type !== "item_completed" || payload.item?.type !== "UserMessage") return undefined;
  return { source: "event", text: withoutFrame(textOf(parts(payload.item.content))) };
}

function itemMessage(payload: Loose): UserMessage | undefined {
  if (payload?.type !== "message" || payload.role !== "user") return undefined;
  const content = parts(payload.content);
  const kinds = parts(payload.internal_chat_message_metadata_passthrough?.content_item_kinds);
  const own = content.filter((part, index) => isFromUser(part, kinds[index]));
  if (own.length === 0) return undefined;
  const hasMedia = own.some((part) => typeof part?.text !== "string");
  const texts = hasMedia
    ? own.filter((part) => typeof part?.text === "string" && !MEDIA_TAG.test(part.text.trim()))
    : own;
  return { source: "item", text: withoutFrame(textOf(texts)) };
}

const parts = (content: unknown): Loose[] => (Array.isArray(content) ? content : []);

const textOf = (content: readonly Loose[]): string =>
  content
    .map((part) => part?.text)
    .filter((text) => typeof text === "string")
    .join("\n");

/**
 * Returns whether a part is the user's. Codex labels parts since 0.169, or a little earlier: `user.text`, `environment_context`. The
 * label `unknown` means nothing.
 */
function isFromUser(part: Loose, kind: unknown): boolean {
  if (typeof kind === "string" && kind !== "unknown") return kind.startsWith("user.");
  return typeof part?.text !== "string" || !isInjected(part.text);
}

/** The heading after which a client puts the user's text. Its own frame comes first: open files, annotations. */
const REQUEST = /^## My request for [^\n:]{1,60}:[^\S\n]*(?:\n|$)/m;
const FRAME_START = /^\s*[#<]/;
/** An image is between two such parts (0.135 to 0.169). Older clients write them into the text. */
const MEDIA_TAG = /^(?:<(?:image|audio)(?:\s[^<>]*)?>|<\/(?:image|audio)>)$/;
/** No repetition matches a `<`. Otherwise a text with many opening tags would take quadratic time. */
const NAMED_MEDIA = /<(image|audio)\s+name=\[[^\]<\n]*\][^<>\n]*>\s*(?:<\/\1>)?/g;

function withoutFrame(text: string): string {
  const request = FRAME_START.test(text) ? REQUEST.exec(text) : null;
  const own = request === null ? text : text.slice(request.index + request[0].length);
  return own.replace(NAMED_MEDIA, "");
}

const INSTRUCTIONS = /^# AGENTS\.md instructions[^\n]*\n\s*<INSTRUCTIONS>[\s\S]*<\/INSTRUCTIONS>$/;
/** Codex wraps its own texts in elements. Their names contain a `_`, except for those listed here (0.135 to 0.169). */
const OPEN = /^<((?=[a-z]*_)[a-z_]\w*|INSTRUCTIONS|skill|[a-z]+ instructions)(?:\s[^<>]*)?>/;

/**
 * Returns whether a text has the form of what codex adds in the user's name: one element after another, from the first character
 * to the last. A text that only begins like that is the user's.
 */
function isInjected(text: string): boolean {
  let rest = text.trim();
  if (INSTRUCTIONS.test(rest)) return true;
  do {
    const name = OPEN.exec(rest)?.[1];
    if (name === undefined) return false;
    const close = `</${name}>`;
    if (rest.endsWith(close)) return true;
    const end = rest.indexOf(close);
    if (end === -1) return false;
    rest = rest.slice(end + close.length).trim();
  } while (rest !== "");
  return true;
}
