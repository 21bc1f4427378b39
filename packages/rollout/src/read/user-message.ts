/** A message that a person wrote, in a line of a rollout. */
export interface UserMessage {
  /** What codex shows of it (`event`), or what the model is given (`item`): usually both stand in a rollout, once each. */
  readonly source: "event" | "item";
  /** The person's words, without what codex's clients put around them. Empty if the message is images and nothing else. */
  readonly text: string;
}

// biome-ignore lint/suspicious/noExplicitAny: what a file holds, looked at field by field.
type Loose = any;

/**
 * Reads a person's message from a parsed line. Undefined for any other line, and for what codex gives to the model in the
 * person's name: its own events and labels tell the two apart, and the form of the text does where a rollout has neither.
 */
export function userMessageOf(line: unknown): UserMessage | undefined {
  const { type, payload } = Object(line) as Loose;
  if (type === "event_msg") return eventMessage(payload);
  return type === "response_item" ? itemMessage(payload) : undefined;
}

/**
 * The person's messages that a compaction keeps. Undefined if the line is no compaction, or one of a kind that keeps them all
 * (it has no `replacement_history`).
 */
export function messagesKeptBy(line: unknown): UserMessage[] | undefined {
  const { type, payload } = Object(line) as Loose;
  if (type !== "compacted" || !Array.isArray(payload?.replacement_history)) return undefined;
  const summary = typeof payload.message === "string" ? payload.message.trim() : undefined;
  return payload.replacement_history.flatMap((item: Loose) => {
    const message = itemMessage(item);
    // The summary stands there as one more message of the user's.
    return message === undefined || message.text.trim() === summary ? [] : [message];
  });
}

function eventMessage(payload: Loose): UserMessage | undefined {
  if (payload?.type === "user_message") {
    // Early versions said the kind of what was not the person's.
    const isPlain = typeof payload.kind !== "string" || payload.kind === "plain";
    return isPlain && typeof payload.message === "string"
      ? { source: "event", text: wordsOf(payload.message) }
      : undefined;
  }
  if (payload?.type !== "item_completed" || payload.item?.type !== "UserMessage") return undefined;
  return { source: "event", text: wordsOf(textOf(parts(payload.item.content))) };
}

function itemMessage(payload: Loose): UserMessage | undefined {
  if (payload?.type !== "message" || payload.role !== "user") return undefined;
  const content = parts(payload.content);
  const kinds = parts(payload.internal_chat_message_metadata_passthrough?.content_item_kinds);
  const own = content.filter((part, index) => isPersons(part, kinds[index]));
  if (own.length === 0) return undefined;
  const hasMedia = own.some((part) => typeof part?.text !== "string");
  const words = hasMedia
    ? own.filter((part) => typeof part?.text === "string" && !MEDIA_TAG.test(part.text.trim()))
    : own;
  return { source: "item", text: wordsOf(textOf(words)) };
}

const parts = (content: unknown): Loose[] => (Array.isArray(content) ? content : []);

const textOf = (content: readonly Loose[]): string =>
  content
    .map((part) => part?.text)
    .filter((text) => typeof text === "string")
    .join("\n");

/** Codex labels each part since 0.169, or a little before: `user.text`, `environment_context`; `unknown` says nothing. */
function isPersons(part: Loose, kind: unknown): boolean {
  if (typeof kind === "string" && kind !== "unknown") return kind.startsWith("user.");
  return typeof part?.text !== "string" || !isInjected(part.text);
}

/** Where a client puts the person's words behind a frame of its own: what is open in the editor, files, annotations. */
const REQUEST = /^## My request for [^\n:]{1,60}:[^\S\n]*(?:\n|$)/m;
const FRAME_START = /^\s*[#<]/;
/** An image stands between two such parts (0.135 to 0.169), which older clients write into the text. */
const MEDIA_TAG = /^(?:<(?:image|audio)(?:\s[^<>]*)?>|<\/(?:image|audio)>)$/;
/** Nothing runs past a `<`: a text of many beginnings would take quadratic time. */
const NAMED_MEDIA = /<(image|audio)\s+name=\[[^\]<\n]*\][^<>\n]*>\s*(?:<\/\1>)?/g;

function wordsOf(text: string): string {
  const request = FRAME_START.test(text) ? REQUEST.exec(text) : null;
  const words = request === null ? text : text.slice(request.index + request[0].length);
  return words.replace(NAMED_MEDIA, "");
}

const INSTRUCTIONS = /^# AGENTS\.md instructions[^\n]*\n\s*<INSTRUCTIONS>[\s\S]*<\/INSTRUCTIONS>$/;
/** The names of the elements that codex wraps its own texts in have a `_`, but for these (0.135 to 0.169). */
const OPEN = /^<((?=[a-z]*_)[a-z_]\w*|INSTRUCTIONS|skill|[a-z]+ instructions)(?:\s[^<>]*)?>/;

/**
 * Whether a text has the form of what codex itself says in the person's name: one element after another, from the first
 * character to the last. A text that only begins like one is a person's.
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
