import type { EventMessage } from "../read/rollout-line.ts";
import { jsonText } from "./json-text.ts";
import { asText } from "./tool-call.ts";

/** The copy of a call that codex keeps for its own display. In code mode, it is the only record of a nested call. */
export interface DisplayedCall {
  readonly callId: string;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly arguments: string;
  readonly output: string | undefined;
  readonly isError: boolean;
}

/** Returns true for the id of a call from inside a script, which has no response item: `exec-<uuid>`. */
export const isNestedId = (callId: string): boolean => callId.startsWith("exec-");

type Fields = Record<string, unknown>;
const fields = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
const json = (value: unknown): string => jsonText(value ?? {});

/** Reads `item_completed` (codex 0.148 and later) and `mcp_tool_call_end` (before). Returns undefined for any other event. */
export function displayedCall(event: EventMessage): DisplayedCall | undefined {
  if (event.type === "mcp_tool_call_end" && typeof event.call_id === "string")
    return legacyMcpCall(event.call_id, event);
  const item = event.type === "item_completed" ? event.item : undefined;
  if (typeof item?.id !== "string") return undefined;
  const common = { callId: item.id, isError: item.status === "failed", namespace: undefined };
  switch (item.type) {
    case "McpToolCall":
      return {
        ...common,
        name: typeof item.tool === "string" ? item.tool : "",
        namespace: typeof item.server === "string" ? item.server : undefined,
        arguments: json(item.arguments),
        output: resultText(item.result) ?? errorText(item.error),
        isError: common.isError || fields(item.result).isError === true,
      };
    case "CommandExecution":
      return {
        ...common,
        name: "exec_command",
        arguments: json({ command: item.command, cwd: item.cwd }),
        output: asText(item.aggregated_output),
      };
    case "FileChange":
      return { ...common, name: "apply_patch", arguments: json(item.changes), output: asText(item.stdout) };
    case "ImageView":
    case "WebSearch":
    case "Sleep": {
      const { type, id: _id, ...rest } = item;
      const name = { ImageView: "view_image", WebSearch: "web_search", Sleep: "sleep" }[type];
      return { ...common, name, arguments: json(rest), output: undefined };
    }
    default:
      return undefined;
  }
}

function legacyMcpCall(callId: string, event: EventMessage): DisplayedCall {
  const invocation = fields(event.invocation);
  const { Ok: ok, Err: error } = fields(event.result);
  return {
    callId,
    name: typeof invocation.tool === "string" ? invocation.tool : "",
    namespace: typeof invocation.server === "string" ? invocation.server : undefined,
    arguments: json(invocation.arguments),
    output: resultText(ok) ?? (error === undefined ? undefined : asText(error)),
    isError: error !== undefined || fields(ok).isError === true,
  };
}

/** Returns an MCP result as text, as codex shows it to a model: its structured content if it has any, else its blocks. */
function resultText(result: unknown): string | undefined {
  if (typeof result !== "object" || result === null) return undefined;
  const { content, structuredContent } = fields(result);
  return structuredContent == null ? asText(content) : jsonText(structuredContent);
}

function errorText(error: unknown): string | undefined {
  const { message } = fields(error);
  return typeof message === "string" ? message : undefined;
}
