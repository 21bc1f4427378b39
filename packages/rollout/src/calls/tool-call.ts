import type { ResponseItem } from "../read/rollout-line.ts";
import { jsonText } from "./json-text.ts";

/**
 * - `function`: a function, of an MCP server or of codex
 * - `custom`: a tool with raw text as input, such as `apply_patch` or the `exec` of code mode
 * - `local-shell`, `tool-search`: codex's own kinds
 * - `nested`: called from inside a script in code mode; it has no response item
 */
export type ToolCallKind = "function" | "custom" | "local-shell" | "tool-search" | "nested";

export interface ToolCall {
  /** Codex's own id: `call_…`, or `exec-<uuid>` for a nested call. */
  readonly callId: string;
  /** The response item's id (`fc_…`, `ctc_…`), if codex wrote one. */
  readonly itemId: string | undefined;
  readonly kind: ToolCallKind;
  /** The name in the rollout: sanitized for a `function`, raw for a `nested` call. */
  readonly name: string;
  /** `mcp__<server>` for an MCP tool in direct mode, `functions` for code mode; the server's raw name for a nested call. */
  readonly namespace: string | undefined;
  /** JSON text, or raw text for a `custom` call. */
  readonly arguments: string;
  readonly turnId: string | undefined;
  /** The call of the script that made a nested call, if it is certain. */
  readonly parentCallId: string | undefined;
  /** The file that contains the call's line. */
  readonly path: string;
  /** The offset of the call's line. */
  readonly offset: number;
}

export interface ToolOutput {
  readonly callId: string;
  /** The output as text, whatever its form in the rollout. Other content is `[image]`, `[audio]` and the like. */
  readonly output: string;
  /** True if a script emitted it with `notify()`, in addition to its own output. */
  readonly isNotification: boolean;
  readonly isError: boolean;
  readonly path: string;
  readonly offset: number;
}

const CALLS: Record<string, (item: ResponseItem) => Pick<ToolCall, "kind" | "name" | "arguments">> = {
  function_call: (item) => ({ kind: "function", name: item.name ?? "", arguments: asText(item.arguments) }),
  custom_tool_call: (item) => ({ kind: "custom", name: item.name ?? "", arguments: asText(item.input) }),
  local_shell_call: (item) => ({ kind: "local-shell", name: "local_shell", arguments: jsonText(item.action) }),
  tool_search_call: (item) => ({ kind: "tool-search", name: "tool_search", arguments: asText(item.arguments) }),
};

/** Returns the call in an item. Returns undefined if the item is not a call, or has no call id. */
export function callOf(
  item: ResponseItem,
): (Pick<ToolCall, "kind" | "name" | "arguments"> & { callId: string }) | undefined {
  const describe = Object.hasOwn(CALLS, item.type) ? CALLS[item.type] : undefined;
  return describe && item.call_id ? { callId: item.call_id, ...describe(item) } : undefined;
}

/** Returns the output in an item. Returns undefined if the item is not a call's output, or has no call id. */
export function outputOf(item: ResponseItem): { callId: string; output: string; isNotification: boolean } | undefined {
  if (!item.call_id || !item.type.endsWith("_output")) return undefined;
  const output = item.type === "tool_search_output" ? jsonText(item.tools) : asText(item.output);
  return { callId: item.call_id, output, isNotification: item.type === "custom_tool_call_output" && item.name != null };
}

/** Returns the text of an output or a result: a string unchanged, or the texts of a list of blocks, joined with newlines. */
export function asText(value: unknown): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return value === undefined || value === null ? "" : jsonText(value);
  return value
    .map((block: { type?: unknown; text?: unknown }) => {
      if (typeof block?.text === "string") return block.text;
      return typeof block?.type === "string" ? `[${block.type.replace(/^input_/, "")}]` : jsonText(block);
    })
    .join("\n");
}
