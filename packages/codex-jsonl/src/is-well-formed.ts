import type { CodexEvent } from "./events.ts";
import type { CodexItem } from "./items.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Returns whether a JSON value is an event that `codexEventSchema` would return unchanged: a known type with all its fields,
 * so that no fallback is needed. The events that codex writes pass this check. zod copies what it parses, which costs as much
 * again as `JSON.parse`, so only values that fail here go through the schema. A property test checks that the two agree.
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
// JSON.parse reads 1e999 as Infinity.
const isNumber = (value: unknown) => Number.isFinite(value);
const isTokens = (value: unknown) => value === undefined || isNumber(value);
// Arrays pass too, but have none of the keys that are checked next.
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
