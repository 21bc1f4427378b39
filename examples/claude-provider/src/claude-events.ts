import type { ProviderEvent, Usage } from "@plexum/plugin-sdk";

/** What the provider reads of claude's stream-json, in 2.1.332; see docs/claude.md. */
export interface ClaudeEvent {
  readonly type: string;
  readonly session_id?: string;
  readonly event?: { readonly type: string; readonly delta?: { readonly type: string; readonly text?: string } };
  /** Set for what a subagent says. */
  readonly parent_tool_use_id?: string | null;
  readonly message?: { readonly content: string | readonly ClaudeBlock[] };
  readonly is_error?: boolean;
  readonly result?: string;
  readonly errors?: readonly string[];
  readonly usage?: Readonly<Record<string, unknown>>;
}

interface ClaudeBlock {
  readonly type: string;
  readonly id?: string;
  readonly name?: string;
  readonly input?: unknown;
  readonly tool_use_id?: string;
  readonly content?: unknown;
  readonly is_error?: boolean;
}

/** Returns the host's events for an event of claude: pieces of text, tool calls, their results. */
export function toHostEvents({ type, event, message, parent_tool_use_id }: ClaudeEvent): ProviderEvent[] {
  if (parent_tool_use_id) return [];
  if (type === "stream_event") {
    const { delta } = event ?? {};
    return delta?.type === "text_delta" ? [{ type: "text_delta", text: delta.text ?? "" }] : [];
  }
  return typeof message?.content === "object" ? message.content.flatMap(blockEvents) : [];
}

function blockEvents(block: ClaudeBlock): ProviderEvent[] {
  const { type, id = "", name = "", input, tool_use_id = "", content, is_error = false } = block;
  if (type === "tool_use") {
    return [
      { type: "tool_call_start", tool_call: { id, name } },
      { type: "tool_call_delta", tool_call: { id, arguments: JSON.stringify(input) } },
      { type: "tool_call_end", tool_call: { id } },
    ];
  }
  return type === "tool_result"
    ? [{ type: "tool_result", tool_result: { tool_call_id: tool_use_id, content, is_error } }]
    : [];
}

/** Claude counts cached tokens beside `input_tokens`; the host's number includes them. */
export function usageOf(usage: ClaudeEvent["usage"] = {}): Usage {
  const count = (key: string) => Number(usage[key] ?? 0);
  const read = count("cache_read_input_tokens");
  return {
    input_tokens: count("input_tokens") + read + count("cache_creation_input_tokens"),
    output_tokens: count("output_tokens"),
    cache_read_tokens: read,
    thinking_tokens: 0,
  };
}
