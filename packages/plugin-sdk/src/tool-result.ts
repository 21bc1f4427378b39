import { messageOf } from "@plexum/coded-error";
import type { CallToolResult } from "./wire.ts";

/** A tool's own failure, as MCP tells it: the model is to see it, so it is no failure of the request. */
export function failedToolResult(thrown: unknown): CallToolResult {
  return { content: [{ type: "text", text: messageOf(thrown) }], isError: true };
}
