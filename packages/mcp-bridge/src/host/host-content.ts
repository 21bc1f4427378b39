import type { ToolResult } from "../server/tool-call.ts";

type ToolContent = ToolResult["content"][number];

/** Converts an image from the shape of Plexum's own messages to MCP's. Other content passes unchanged. */
export function hostContent(block: ToolContent): ToolContent {
  if (block.type !== "image" || typeof block.data === "string") return block;
  const { data_base64, media_type, url, path } = block;
  if (isText(data_base64)) return inline(data_base64, media_type);
  const embedded = isText(url) ? readDataUrl(url) : undefined;
  if (embedded !== undefined) return inline(embedded.data, embedded.mediaType);
  // The model may open it itself.
  const address = [path, url].find(isText);
  return address === undefined ? block : { type: "text", text: `[image: ${address}]` };
}

/** Returns undefined unless the URL is `data:<media type>;base64,<data>`. A regular expression would take quadratic time. */
function readDataUrl(url: string): { readonly mediaType: string; readonly data: string } | undefined {
  const comma = url.indexOf(",");
  const head = url.slice(0, Math.max(0, comma));
  if (!head.startsWith("data:") || !head.endsWith(";base64")) return undefined;
  return { mediaType: head.slice("data:".length, head.indexOf(";")), data: url.slice(comma + 1) };
}

/** Without a media type, the bridge determines it from the data. */
const inline = (data: string, mimeType: unknown): ToolContent => ({
  type: "image",
  data,
  ...(isText(mimeType) ? { mimeType } : {}),
});

/** A host may write "" for a value that it leaves out. */
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
