import { messageOf } from "@plexum/coded-error";
import type { CallToolResult } from "./wire.ts";

/** Returns a tool's own failure in MCP's form: the model should see it, so the request itself succeeds. */
export function failedToolResult(thrown: unknown): CallToolResult {
  return { content: [{ type: "text", text: messageOf(thrown) }], isError: true };
}
