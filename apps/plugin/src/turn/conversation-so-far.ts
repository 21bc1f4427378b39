import { MAX_PROMPT_CHARACTERS } from "@plexum/codex-turn";
import type { Block, Message } from "@plexum/plugin-sdk";
import { textOf } from "./prompt.ts";

const INTRODUCTION =
  "Codex's own record of this conversation is lost. This is the conversation so far, from the host's record:";
const TRANSITION = "That was the conversation so far. The user now says:";
const CUT = "(Earlier messages are left out: they don't fit.)";

/**
 * A prompt for a fresh thread that takes the place of a lost one: what was said before, then `prompt`. The oldest
 * messages are left out if all of them don't fit. Without earlier messages, or room beside the prompt, it is the prompt alone.
 */
export function withConversationSoFar(messages: readonly Message[], prompt: string): string {
  const last = messages.findLastIndex(({ role }) => role === "user");
  const earlier = messages.slice(0, last).flatMap(render);
  if (earlier.length === 0) return prompt;

  // UTF-16 units, of which there are never fewer than the code points that codex counts.
  let room = MAX_PROMPT_CHARACTERS - [INTRODUCTION, CUT, TRANSITION, prompt].join("\n\n").length;
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
  return [INTRODUCTION, ...(first > 0 ? [CUT] : []), ...kept, TRANSITION, prompt].join("\n\n");
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
