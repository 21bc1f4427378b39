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
}

/** Throws NoUserTextError if `codex exec` would refuse the text: it takes no images by themselves (0.135.0 to 0.169.0). */
export function checkExecText(text: string): void {
  if (text.trim() !== "") return;
  throw new NoUserTextError(
    'The user message has only images, which codex exec does not take: send some text with them, or set "transport" to "app-server".',
  );
}

/**
 * The last user message: its text blocks, joined by newlines, and its images. The text is blank only if there are images.
 * @throws NoUserTextError
 */
export function promptOf(messages: readonly Message[]): Prompt {
  const message = messages.findLast(({ role }) => role === "user");
  const text = textOf(message?.content ?? []);
  const images: PromptImage[] = [];
  const warnings: string[] = [];
  for (const block of message?.content ?? []) {
    if (block.type !== "image") continue;
    const image = imageOf(block);
    if (image === undefined)
      warnings.push(
        "an image was left out: codex takes files of this machine and inline data in base64, not other addresses",
      );
    else images.push(image);
  }
  if (text.trim() === "" && images.length === 0) {
    throw new NoUserTextError(
      "The request has no user message with text or an image, so there is nothing to ask codex: send one.",
    );
  }
  return { text, images, warnings };
}

export const textOf = (blocks: readonly Block[]): string =>
  blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");

/** A host may write "" for what it leaves out. */
function imageOf(block: Block & { type: "image" }): PromptImage | undefined {
  if (block.path) return { path: block.path };
  if (block.data_base64) return inline(block.data_base64, block.media_type);
  if (block.url?.startsWith("file:")) return fileImage(block.url);
  const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/s.exec(block.url ?? "") ?? [];
  return data === undefined ? undefined : inline(data, mediaType);
}

/** Undefined for a file of another machine, or a malformed address. */
function fileImage(url: string): PromptImage | undefined {
  try {
    return { path: fileURLToPath(url) };
  } catch {
    return undefined;
  }
}

const inline = (base64: string, mediaType: string | undefined): PromptImage => ({
  bytes: Buffer.from(base64, "base64"),
  ...(mediaType === undefined ? {} : { mediaType }),
});
