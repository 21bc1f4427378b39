import type { CodexEvent } from "./events.ts";
import type { CodexItem } from "./items.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Whether a JSON value is an event just as `codexEventSchema` would return it: of a known type, every field in place, no
 * fallback needed. What codex writes passes here. zod copies what it parses, which would cost as much again as
 * `JSON.parse`, so the schema sees only what this turns down. A property test holds the two together.
 */
export function isWellFormedEvent(value: unknown): value is CodexEvent {
  if (!isObject(value)) return false;
  switch (value.type) {
    case "item.completed":
    case "item.started":
    case "item.updated":
      return isWellFormedItem(value.item);
    case "turn.started":
      return true;
    case "thread.started":
      return isString(value.thread_id);
    case "turn.completed":
      return value.usage === null || isUsage(value.usage);
    case "turn.failed":
      return isErrorDetail(value.error);
    case "error":
      return isString(value.message);
    default:
      return false;
  }
}

function isWellFormedItem(item: unknown): item is CodexItem {
  if (!isObject(item) || !isString(item.id)) return false;
  switch (item.type) {
    case "command_execution":
      return (
        isString(item.command) &&
        isString(item.aggregated_output) &&
        (item.exit_code === null || isNumber(item.exit_code)) &&
        isString(item.status)
      );
    case "agent_message":
    case "reasoning":
      return isString(item.text);
    case "mcp_tool_call":
      return (
        isString(item.server) &&
        isString(item.tool) &&
        (item.result === null || (isObject(item.result) && Array.isArray(item.result.content))) &&
        (item.error === null || isErrorDetail(item.error)) &&
        isString(item.status)
      );
    case "file_change":
      return isArrayOf(item.changes, isFileChange) && isString(item.status);
    case "collab_tool_call":
      return (
        isString(item.tool) &&
        isString(item.sender_thread_id) &&
        isArrayOf(item.receiver_thread_ids, isString) &&
        (item.prompt === null || isString(item.prompt)) &&
        isString(item.status)
      );
    case "web_search":
      return isString(item.query);
    case "todo_list":
      return isArrayOf(item.items, isTodoEntry);
    case "error":
      return isString(item.message);
    default:
      return false;
  }
}

const isString = (value: unknown) => typeof value === "string";
// JSON.parse makes Infinity of 1e999.
const isNumber = (value: unknown) => Number.isFinite(value);
const isTokens = (value: unknown) => value === undefined || isNumber(value);
// An array of JSON passes too; it has none of the keys that are asked for next.
const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null;
const isErrorDetail = (value: unknown) => isObject(value) && isString(value.message);
const isFileChange = (value: unknown) => isObject(value) && isString(value.path) && isString(value.kind);
const isTodoEntry = (value: unknown) => isObject(value) && isString(value.text) && typeof value.completed === "boolean";
const isArrayOf = (value: unknown, isElement: (element: unknown) => boolean) =>
  Array.isArray(value) && value.every(isElement);

function isUsage(value: unknown): boolean {
  return (
    isObject(value) &&
    isNumber(value.input_tokens) &&
    isTokens(value.cached_input_tokens) &&
    isTokens(value.cache_write_input_tokens) &&
    isNumber(value.output_tokens) &&
    isTokens(value.reasoning_output_tokens)
  );
}
