import type { Block, Message } from "../wire.ts";
import { textOf } from "./prompt-of-request.ts";

const LOST = "Your own record of this conversation is lost.";
const INTRODUCTION = "This is the conversation so far, from the host's record:";
const TRANSITION = "That was the conversation so far. The user now says:";
const CUT = "(Earlier messages are left out: they don't fit.)";

export interface ConversationOptions {
  /** The longest prompt that the CLI accepts, in UTF-16 code units. A text never has fewer of these than code points. */
  readonly maxCharacters: number;
  /** A sentence for the model that says why the prompt repeats the conversation. Default: its own record is lost. */
  readonly reason?: string;
}

/**
 * Returns a prompt for a new session that replaces a lost one: the earlier conversation, then `prompt`. Omits the oldest messages if
 * not all of them fit. Returns only the prompt if there are no earlier messages or there is no room for them.
 */
export function withConversationSoFar(
  messages: readonly Message[],
  prompt: string,
  { maxCharacters, reason = LOST }: ConversationOptions,
): string {
  const last = messages.findLastIndex(({ role }) => role === "user");
  const earlier = messages.slice(0, last).flatMap(render);
  if (earlier.length === 0) return prompt;

  const introduction = `${reason} ${INTRODUCTION}`;
  let room = maxCharacters - [introduction, CUT, TRANSITION, prompt].join("\n\n").length;
  if (room < 0) return prompt;
  let first = earlier.length;
  for (
    let size = earlier[first - 1]?.length;
    size !== undefined && room >= size + 2;
    size = earlier[first - 1]?.length
  ) {
    room -= size + 2;
    first--;
  }
  const kept = earlier.slice(first);
  return [introduction, ...(first > 0 ? [CUT] : []), ...kept, TRANSITION, prompt].join("\n\n");
}

const SPEAKERS = { user: "User", assistant: "Assistant", system: "System", tool: "Tool" } as const;

function render({ role, content }: Message): string[] {
  const text = content.map((block) => renderBlock(block)).filter((part) => part !== "");
  return text.length === 0 ? [] : [`${SPEAKERS[role]}: ${text.join("\n")}`];
}

function renderBlock(block: Block): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "tool_use":
      return `[called ${block.name} with ${JSON.stringify(block.input)}]`;
    case "tool_result":
      return `[result${block.is_error ? " (an error)" : ""}: ${resultText(block.content)}]`;
    case "image":
      return "[an image]";
    default:
      return "";
  }
}

function resultText(content: unknown): string {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) {
    const text = textOf(content.filter((block): block is Block => block?.type === "text"));
    if (text !== "") return text;
  }
  return JSON.stringify(content) ?? "";
}
