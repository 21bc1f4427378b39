/**
 * The wire format of the Plexum plugin protocol: method names, keys, shapes. Plexum's own SDK is private. What is publicly
 * visible of it is marked "known"; everything else is "chosen" here. If a choice proves wrong, correct it in this file.
 *
 * The schemas pass unknown keys, blocks, events and operations unchanged. They change only `null`: Plexum is written in Go,
 * which writes `null` for a list, map or pointer that was never set. They read it as if the key were absent. They are built with
 * `zod/mini`, which adds 2 to 3 ms to the start of a bundled plugin; `zod` adds about 30.
 */
import * as z from "zod/mini";
import { tagged } from "./tagged.ts";

/** Loose at run time, so that unknown keys survive; exact in the types, so that a mistyped key is found. */
const object = z.looseObject as unknown as typeof z.object;

/** A value that may be absent or `null`. */
const optional = <T extends z.ZodMiniType>(schema: T) =>
  z.optional(
    z.pipe(
      z.nullable(schema),
      z.transform((value): z.output<T> | undefined => value ?? undefined),
    ),
  );

// Created once, since each schema slows a plugin's start.
const optionalText = optional(z.string());
const optionalFlag = optional(z.boolean());

/** A list that may be absent or `null`, and is then empty. */
const list = <T extends z.ZodMiniType>(member: T) =>
  z.pipe(
    z.nullish(z.array(member)),
    z.transform((value): z.output<T>[] => value ?? []),
  );

const count = z.number().check(z.nonnegative());
const anyObject = z.record(z.string(), z.unknown());
/** As `list`. */
const map = z.pipe(
  z.nullish(anyObject),
  z.transform((value) => value ?? {}),
);

/** MCP's method names, all of them known. */
export const mcp = {
  initialize: "initialize",
  initialized: "notifications/initialized",
  ping: "ping",
  setLevel: "logging/setLevel",
  log: "notifications/message",
  listTools: "tools/list",
  callTool: "tools/call",
} as const;

export const plexum = {
  /** Host → plugin, request. Chosen. */
  stream: "plexum/provider/stream",
  /** Host → plugin, request. Chosen. */
  mutate: "plexum/session/mutate",
  /** Plugin → host, notification. Chosen. */
  event: "notifications/plexum/provider/event",
  /** Plugin → host, request. Chosen. */
  callHostTool: "plexum/host/tools/call",
  /** Plugin → host, request. Known name, chosen shape. */
  readAgentState: "plexum/host/agent-state/read",
} as const;

/** The versions of MCP whose handshake is supported, the preferred one first. */
export const PROTOCOL_VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;

/** The key of `capabilities.experimental` that holds the manifest. Known. */
export const PLUGIN_CAPABILITY = "plexum/plugin";

// --- Tools: MCP's shapes, known ---

/** A tool as MCP lists it, and as the manifest does. */
const mcpToolSchema = object({
  name: z.string(),
  description: optionalText,
  inputSchema: anyObject,
});
export type McpTool = z.infer<typeof mcpToolSchema>;

export const listToolsResultSchema = object({ tools: list(mcpToolSchema) });

/** The caller is in `_meta.agent_id` (known), which is absent if an operator calls. */
export const callToolParamsSchema = object({
  name: z.string(),
  arguments: map,
  _meta: optional(object({ agent_id: optionalText })),
});

/** One piece of a tool's result, MCP's: text, image, audio, a resource, or what a later version adds. */
export type ToolContent = { type: string; [key: string]: unknown };
/** MCP's. Not an interface, so that it is assignable to types with further keys. */
export type CallToolResult = {
  content: ToolContent[];
  structuredContent?: Record<string, unknown> | undefined;
  isError?: boolean | undefined;
};

/**
 * A tool's own failure is a result with `isError: true` (known). Content of every kind passes through. A malformed block
 * or flag from a host doesn't affect the rest: a string becomes a text block, and anything else becomes a block of type `unknown`, which
 * the reader can report.
 */
export const callToolResultSchema = z.pipe(
  z.looseObject({ content: z.nullish(z.union([z.array(z.unknown()), z.string(), anyObject])) }),
  z.transform(({ structuredContent, isError, ...rest }): CallToolResult & Record<string, unknown> => {
    const misplaced = isRecord(structuredContent) ? [] : blocksOf(structuredContent);
    return {
      ...rest,
      content: [...blocksOf(rest.content), ...misplaced],
      ...(isRecord(structuredContent) && { structuredContent }),
      ...(isError != null && { isError: isTrue(isError) }),
    };
  }),
);

function blocksOf(content: unknown): ToolContent[] {
  const blocks: unknown[] = Array.isArray(content) ? content : [content];
  return blocks.filter((block) => block != null).map(blockOf);
}

function blockOf(block: unknown): ToolContent {
  if (typeof block === "string") return { type: "text", text: block };
  if (!isRecord(block)) return { type: "unknown", value: block };
  const { type, text } = block;
  if (typeof type === "string") return { ...block, type };
  return { ...block, type: typeof text === "string" && type == null ? "text" : "unknown" };
}

const isTrue = (flag: unknown): boolean => Boolean(flag) && flag !== "false";

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

// --- Manifest: known; `contracts.provider.models` is inferred ---

export const manifestSchema = object({
  name: z.string(),
  version: z.string(),
  activation: z.enum(["lazy", "eager"]),
  /** A bare file name, next to the manifest. */
  executable: z.string(),
  contracts: object({
    provider: optional(object({ models: z.array(z.string()) })),
    tools: optional(z.array(mcpToolSchema)),
  }),
});
export type Manifest = z.infer<typeof manifestSchema>;

// --- Handshake: MCP's, known ---

const implementation = object({ name: z.string(), version: z.string() });

export const initializeParamsSchema = object({ protocolVersion: z.string(), clientInfo: optional(implementation) });

export const initializeResultSchema = object({
  protocolVersion: z.string(),
  serverInfo: implementation,
  capabilities: object({
    experimental: object({ [PLUGIN_CAPABILITY]: object({ manifest: manifestSchema }) }),
  }),
});

// --- Log: MCP's, chosen ---

/** The levels that a plugin writes. MCP has more; a host accepts any. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** MCP's levels, the least urgent first. */
export const LOG_LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;

export const setLevelParamsSchema = object({ level: z.enum(LOG_LEVELS) });

export const logParamsSchema = object({
  level: z.enum(LOG_LEVELS),
  logger: optionalText,
  data: z.unknown(),
});

// --- Conversation: names known from Plexum's Go types, keys chosen ---

const textBlock = object({ type: z.literal("text"), text: z.string() });
/** The text that is set determines the kind of image; Go writes `""` for the others. */
const imageText = optional(
  z.pipe(
    z.string(),
    z.transform((text) => text || undefined),
  ),
);
const imageBlock = object({
  type: z.literal("image"),
  url: imageText,
  data_base64: imageText,
  path: imageText,
  media_type: imageText,
});
const toolUseBlock = object({ type: z.literal("tool_use"), id: z.string(), name: z.string(), input: z.unknown() });
const toolResultBlock = object({
  type: z.literal("tool_result"),
  tool_use_id: z.string(),
  content: z.unknown(),
  is_error: optionalFlag,
});
const thinkingBlock = object({ type: z.literal("thinking"), text: z.string(), signature: optionalText });

/** A block of an unknown type is kept unchanged, so a `switch` over `type` needs a `default`. */
export const blockSchema = tagged([textBlock, imageBlock, toolUseBlock, toolResultBlock, thinkingBlock]);
export type Block = z.infer<typeof blockSchema>;

export const messageSchema = object({
  role: z.enum(["user", "assistant", "system", "tool"]),
  content: list(blockSchema),
});
export type Message = z.infer<typeof messageSchema>;

/** A tool that a request offers to the model. */
export interface Tool {
  name: string;
  description?: string | undefined;
  input_schema: Record<string, unknown>;
}

/**
 * A malformed tool is kept unchanged, so that it affects neither the turn nor the other tools. The code that offers the tools omits it,
 * with a warning. `null` is kept here too, since a host in TypeScript may also send it.
 */
const tools = z.pipe(
  z.nullish(z.array(z.unknown())),
  z.transform((sent) => (sent == null ? sent : sent.map(toolOf))),
);

function toolOf(tool: unknown): Tool {
  if (!isRecord(tool)) return tool as Tool;
  const { description, input_schema, ...rest } = tool;
  return { ...rest, ...(description != null && { description }), input_schema: input_schema ?? {} } as Tool;
}

// --- Streams: chosen ---

export const streamRequestSchema = object({
  stream_id: z.string(),
  /** `""` leaves the choice to the plugin. */
  model_id: z.string(),
  agent: object({ agent_id: z.string(), workspace: z.string(), session_id: z.nullish(z.string()) }),
  request: object({
    messages: list(messageSchema),
    tools: z.optional(tools),
    system: z.nullish(z.string()),
  }),
});
export type StreamRequest = z.infer<typeof streamRequestSchema>;

/** Tokens of this turn alone. `input_tokens` includes those read from a cache and written to one; `output_tokens` includes thinking. */
const usageSchema = object({
  input_tokens: count,
  output_tokens: count,
  cache_read_tokens: count,
  thinking_tokens: count,
});
export type Usage = z.infer<typeof usageSchema>;

/**
 * The names message_start, text_delta, message_end and error are known, and that tool calls are a family; the rest is
 * chosen. An event of an unknown type is kept unchanged, so a `switch` over `type` needs a `default`.
 */
export const providerEventSchema = tagged([
  object({ type: z.literal("message_start") }),
  object({
    type: z.literal("text_delta"),
    text: z.string(),
    /** The message that the text belongs to. A change starts another message. */
    message_id: optionalText,
    /** The message's role in the turn, if the model reports it: intermediate `commentary`, or the `final_answer`. */
    phase: optionalText,
  }),
  object({
    type: z.literal("tool_call_start"),
    tool_call: object({ id: z.string(), name: z.string(), namespace: optionalText }),
  }),
  /** `arguments` is the next piece of the arguments' JSON text. */
  object({ type: z.literal("tool_call_delta"), tool_call: object({ id: z.string(), arguments: z.string() }) }),
  object({ type: z.literal("tool_call_end"), tool_call: object({ id: z.string() }) }),
  object({
    type: z.literal("tool_result"),
    tool_result: object({ tool_call_id: z.string(), content: z.unknown(), is_error: z.boolean() }),
  }),
  object({ type: z.literal("error"), error: object({ code: z.string(), message: z.string() }) }),
  object({
    type: z.literal("message_end"),
    stop_reason: z.enum(["end_turn", "cancelled", "error"]),
    usage: usageSchema,
  }),
]);
export type ProviderEvent = z.infer<typeof providerEventSchema>;

export const eventParamsSchema = object({
  stream_id: z.string(),
  /** Counts from 0 without gaps, separately for each stream. */
  seq: z.int(),
  event: providerEventSchema,
});

// --- Mutations: the two operations are known, the rest is chosen ---

/** `op` is `consume-light`, `consume-heavy`, or an operation of a newer host: report that as skipped, never guess. */
const mutationSchema = object({
  /** The call's id in the events of its stream. */
  block_id: z.string(),
  op: z.string(),
});
export type Mutation = z.infer<typeof mutationSchema>;

export const mutateRequestSchema = object({
  agent_id: z.string(),
  workspace: z.string(),
  mutations: list(mutationSchema),
});
export type MutateRequest = z.infer<typeof mutateRequestSchema>;

export const mutateReportSchema = object({
  requested: count,
  touched: count,
  missing: list(z.string()),
  skipped: list(object({ block_id: z.string(), reason: z.string() })),
  /** An estimate of how many tokens smaller each later request is. */
  tokens_freed: z.optional(count),
  /** An estimate of how many tokens the next request, once, reads without the model provider's prompt cache. */
  tokens_uncached: z.optional(count),
});
export type MutateReport = z.infer<typeof mutateReportSchema>;

// --- What a plugin asks of its host: chosen ---

/** A call of one of the tools that a stream's request offered. */
export const hostToolCallSchema = object({
  agent_id: z.string(),
  stream_id: z.string(),
  /** The call's id in the stream's events, if the CLI passed one on. */
  call_id: optionalText,
  name: z.string(),
  arguments: map,
});
export type HostToolCall = z.infer<typeof hostToolCallSchema>;

export const readAgentStateParamsSchema = object({ agent_id: z.string() });
