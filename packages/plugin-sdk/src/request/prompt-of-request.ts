import { fileURLToPath } from "node:url";
import { PluginSdkError } from "../errors.ts";
import type { Block, Message } from "../wire.ts";

/** An image of a request: a file on this machine, or its bytes. */
export type RequestImage = { readonly path: string } | { readonly bytes: Uint8Array; readonly mediaType?: string };

/** The prompt of a turn. */
export interface Prompt {
  /** Blank only if there are images. */
  readonly text: string;
  readonly images: readonly RequestImage[];
  /** One sentence for each image that had to be omitted. */
  readonly warnings: readonly string[];
}

/**
 * Returns the text of the last user message: its text blocks, joined by newlines. For a CLI that does not accept images.
 *
 * @throws PluginSdkError `no_user_text` if the text is blank or there is no user message.
 */
export function lastUserText(messages: readonly Message[]): string {
  const text = textOf(lastUserBlocks(messages));
  if (text.trim() !== "") return text;
  throw noUserText("The request has no user message with text, so there is no prompt: send one.");
}

/**
 * Returns the text and the images of the last user message.
 *
 * @throws PluginSdkError `no_user_text` if it has neither or there is no user message.
 */
export function promptOf(messages: readonly Message[]): Prompt {
  const blocks = lastUserBlocks(messages);
  const text = textOf(blocks);
  const images: RequestImage[] = [];
  const warnings: string[] = [];
  for (const block of blocks) {
    if (block.type !== "image") continue;
    const image = imageOf(block);
    if (image === undefined)
      warnings.push("an image was omitted: send a file on this machine or inline base64 data, not another URL");
    else images.push(image);
  }
  if (text.trim() !== "" || images.length > 0) return { text, images, warnings };
  throw noUserText("The request has no user message with text or an image, so there is no prompt: send one.");
}

/** Returns the text blocks, joined by newlines. */
export const textOf = (blocks: readonly Block[]): string =>
  blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");

const lastUserBlocks = (messages: readonly Message[]): readonly Block[] =>
  messages.findLast(({ role }) => role === "user")?.content ?? [];

const noUserText = (message: string) => new PluginSdkError("no_user_text", message);

/** A host may send "" for a value that it omits. */
function imageOf(block: Block & { type: "image" }): RequestImage | undefined {
  if (block.path) return { path: block.path };
  if (block.data_base64) return inline(block.data_base64, block.media_type);
  if (block.url?.startsWith("file:")) return fileImage(block.url);
  const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/s.exec(block.url ?? "") ?? [];
  return data === undefined ? undefined : inline(data, mediaType);
}

/** Returns undefined for a file on another machine or a malformed URL. */
function fileImage(url: string): RequestImage | undefined {
  try {
    return { path: fileURLToPath(url) };
  } catch {
    return undefined;
  }
}

const inline = (base64: string, mediaType: string | undefined): RequestImage => ({
  bytes: Buffer.from(base64, "base64"),
  ...(mediaType === undefined ? {} : { mediaType }),
});
