import type { ToolResult } from "../server/tool-call.ts";

type ToolContent = ToolResult["content"][number];

/** Translates an image as Plexum's own messages hold it to MCP's shape. Other content passes as it is. */
export function hostContent(block: ToolContent): ToolContent {
  if (block.type !== "image" || typeof block.data === "string") return block;
  const { data_base64, media_type, url, path } = block;
  if (isText(data_base64)) return inline(data_base64, media_type);
  const [, mediaType, data] = /^data:([^;,]*)[^,]*;base64,(.*)$/s.exec(isText(url) ? url : "") ?? [];
  if (data !== undefined) return inline(data, mediaType);
  // The model may look at it by itself.
  const address = [path, url].find(isText);
  return address === undefined ? block : { type: "text", text: `[image: ${address}]` };
}

/** Without a media type the bridge goes by the data. */
const inline = (data: string, mimeType: unknown): ToolContent => ({
  type: "image",
  data,
  ...(isText(mimeType) ? { mimeType } : {}),
});

/** A host may write "" for what it leaves out. */
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
