import type { ProviderEvent, TurnErrorCode, Usage } from "@plexum/plugin-sdk";

type Counts = Readonly<Record<string, unknown>>;

/** The part of claude's stream-json that the provider reads (2.1.332); see docs/claude.md. */
export interface ClaudeEvent {
  readonly type: string;
  readonly event?: { type: string; delta?: { text?: string }; message?: { usage?: Counts }; usage?: Counts };
  /** Set for a subagent's messages. */
  readonly parent_tool_use_id?: string | null;
  readonly message?: { content: string | { type: string; [key: string]: unknown }[] };
  /** The kind of failure, on an `assistant` event for a failed request. */
  readonly error?: string;
  readonly is_error?: boolean;
  readonly result?: string;
  readonly errors?: readonly string[];
  readonly usage?: Counts;
}

/** Returns the host's events for an event of claude: pieces of text, tool calls, their results. */
export function toHostEvents(claudeEvent: ClaudeEvent, names: ReadonlyMap<string, string>): ProviderEvent[] {
  const { event, message, error, parent_tool_use_id } = claudeEvent;
  if (parent_tool_use_id || error !== undefined) return [];
  if (typeof event?.delta?.text === "string") return [{ type: "text_delta", text: event.delta.text }];
  const blocks = Array.isArray(message?.content) ? message.content.map(Object) : [];
  return blocks.flatMap(({ type, id, name, input, tool_use_id, content, is_error = false }): ProviderEvent[] => {
    if (type === "tool_use" && typeof id === "string" && typeof name === "string") {
      const call = { id, ...hostName(name, names) };
      return [
        { type: "tool_call_start", tool_call: call },
        { type: "tool_call_delta", tool_call: { id: call.id, arguments: jsonOf(input) } },
        { type: "tool_call_end", tool_call: { id: call.id } },
      ];
    }
    if (type !== "tool_result" || typeof tool_use_id !== "string") return [];
    return [{ type, tool_result: { tool_call_id: tool_use_id, content, is_error: is_error === true } }];
  });
}

/** Returns the JSON of a tool's input; an empty object for one that is nested so deeply that it can't be written. */
function jsonOf(input: unknown): string {
  try {
    return JSON.stringify(input ?? {});
  } catch {
    return "{}";
  }
}

/** The server's name is `host`; claude replaces characters that a tool's name may not have (2.1.332). */
export const claudeName = (offeredName: string) => `mcp__host__${offeredName.replace(/[^\w-]/g, "_")}`;

function hostName(name: string, names: ReadonlyMap<string, string>): { name: string; namespace?: string } {
  const hostName = names.get(name);
  return hostName === undefined ? { name } : { name: hostName, namespace: "mcp__host" };
}

/** Counts a turn's tokens request by request, because a killed turn has no `result`. If there is one, its sum counts. */
export function addUsage(before: Usage, { type, event, usage }: ClaudeEvent): Usage {
  if (type === "result" && usage) return toUsage(usage);
  // A request's first event has the input tokens, its last event the output tokens.
  const now = toUsage({ ...event?.message?.usage, output_tokens: event?.usage?.output_tokens });
  return {
    input_tokens: before.input_tokens + now.input_tokens,
    output_tokens: before.output_tokens + now.output_tokens,
    cache_read_tokens: before.cache_read_tokens + now.cache_read_tokens,
    thinking_tokens: 0,
  };
}

/** Claude counts cached tokens separately from `input_tokens`; the host's number includes them. */
export function toUsage(usage: Counts = {}): Usage {
  const count = (key: string) => (typeof usage[key] === "number" ? usage[key] : 0);
  const cache_read_tokens = count("cache_read_input_tokens");
  const input_tokens = count("input_tokens") + cache_read_tokens + count("cache_creation_input_tokens");
  const { thinking_tokens = 0 } = (usage.output_tokens_details ?? {}) as { thinking_tokens?: number };
  return { input_tokens, output_tokens: count("output_tokens"), cache_read_tokens, thinking_tokens };
}

/** Maps the kinds of failure that claude distinguishes to the host's names. */
export const FAILURE_CODES: Readonly<Record<string, TurnErrorCode>> = {
  authentication_failed: "not_signed_in",
  billing_error: "out_of_credits",
  rate_limit: "rate_limited",
  server_error: "server_error",
};
