import { z } from "zod";
import type { CodexEvent, Usage } from "./events.ts";
import type { CodexItem } from "./items.ts";

/*
 * The types of events.ts and items.ts as zod schemas. The objects are loose, so unknown keys are kept. A field that the event
 * can do without has a fallback (`catch`) instead of causing an issue.
 */

const text = z.string().catch("");
const status = z.string().catch("unknown");
const id = text;
const tokens = z.number();
const optionalTokens = tokens.optional().catch(undefined);
const errorDetail = z.looseObject({ message: text });

const agentMessage = z.looseObject({ id, type: z.literal("agent_message"), text: z.string() });

const reasoning = z.looseObject({ id, type: z.literal("reasoning"), text: z.string() });

const commandExecution = z.looseObject({
  id,
  type: z.literal("command_execution"),
  command: text,
  aggregated_output: text,
  exit_code: z.number().nullable().catch(null),
  status,
});

const fileChange = z.looseObject({
  id,
  type: z.literal("file_change"),
  changes: z.array(z.looseObject({ path: z.string(), kind: z.string().catch("unknown") })).catch(() => []),
  status,
});

const mcpToolCall = z.looseObject({
  id,
  type: z.literal("mcp_tool_call"),
  server: z.string(),
  tool: z.string(),
  arguments: z.unknown().optional(),
  result: z
    .looseObject({
      content: z.array(z.unknown()).catch(() => []),
      structured_content: z.unknown().optional(),
      _meta: z.unknown().optional(),
    })
    .nullable()
    .catch(null),
  error: errorDetail.nullable().catch(null),
  status,
});

const collabToolCall = z.looseObject({
  id,
  type: z.literal("collab_tool_call"),
  tool: z.string(),
  sender_thread_id: text,
  receiver_thread_ids: z.array(z.string()).catch(() => []),
  prompt: z.string().nullable().catch(null),
  agents_states: z.unknown().optional(),
  status,
});

const webSearch = z.looseObject({ id, type: z.literal("web_search"), query: text, action: z.unknown().optional() });

const todoList = z.looseObject({
  id,
  type: z.literal("todo_list"),
  items: z.array(z.looseObject({ text: z.string(), completed: z.boolean().catch(false) })).catch(() => []),
});

const errorItem = z.looseObject({ id, type: z.literal("error"), message: z.string() });

/** The schema of an item of a known type. */
export const codexItemSchema = z.discriminatedUnion("type", [
  agentMessage,
  reasoning,
  commandExecution,
  fileChange,
  mcpToolCall,
  collabToolCall,
  webSearch,
  todoList,
  errorItem,
]) satisfies z.ZodType<CodexItem>;

/** The schema of the token counts in `turn.completed`. */
export const usageSchema = z.looseObject({
  input_tokens: tokens,
  cached_input_tokens: optionalTokens,
  cache_write_input_tokens: optionalTokens,
  output_tokens: tokens,
  reasoning_output_tokens: optionalTokens,
}) satisfies z.ZodType<Usage>;

/** The schema of an event of a known type. An item event must have an item of a known type. */
export const codexEventSchema = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("thread.started"), thread_id: z.string() }),
  z.looseObject({ type: z.literal("turn.started") }),
  z.looseObject({ type: z.literal("item.started"), item: codexItemSchema }),
  z.looseObject({ type: z.literal("item.updated"), item: codexItemSchema }),
  z.looseObject({ type: z.literal("item.completed"), item: codexItemSchema }),
  z.looseObject({ type: z.literal("turn.completed"), usage: usageSchema.nullable().catch(null) }),
  z.looseObject({ type: z.literal("turn.failed"), error: errorDetail.catch(() => ({ message: "" })) }),
  z.looseObject({ type: z.literal("error"), message: text }),
]) satisfies z.ZodType<CodexEvent>;
