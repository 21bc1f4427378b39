import { fileURLToPath } from "node:url";
import type { PromptImage } from "@plexum/codex-turn";
import type { Block, Message } from "@plexum/plugin-sdk";

export interface Prompt {
  readonly text: string;
  readonly images: readonly PromptImage[];
  readonly warnings: readonly string[];
}

class NoUserTextError extends Error {
  override readonly name = "NoUserTextError";
  readonly code = "no_user_text";

  constructor() {
    super("The request has no user message with text, so there is nothing to ask codex: send one.");
  }
}

/**
 * The last user message: its text blocks, joined by newlines, and its images.
 * @throws NoUserTextError
 */
export function promptOf(messages: readonly Message[]): Prompt {
  const message = messages.findLast(({ role }) => role === "user");
  const text = textOf(message?.content ?? []);
  if (text.trim() === "") throw new NoUserTextError();
  const images: PromptImage[] = [];
  const warnings: string[] = [];
  for (const block of message?.content ?? []) {
    if (block.type !== "image") continue;
    const image = imageOf(block);
    if (image === undefined)
      warnings.push("an image was left out: codex takes files and inline data, not addresses on the web");
    else images.push(image);
  }
  return { text, images, warnings };
}

export const textOf = (blocks: readonly Block[]): string =>
  blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");

/** A host may write "" for what it leaves out. */
function imageOf(block: Block & { type: "image" }): PromptImage | undefined {
  if (block.path) return { path: block.path };
  if (block.data_base64) return inline(block.data_base64, block.media_type);
  if (block.url?.startsWith("file:")) return { path: fileURLToPath(block.url) };
  const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/s.exec(block.url ?? "") ?? [];
  return data === undefined ? undefined : inline(data, mediaType);
}

const inline = (base64: string, mediaType: string | undefined): PromptImage => ({
  bytes: Buffer.from(base64, "base64"),
  ...(mediaType === undefined ? {} : { mediaType }),
});
