import type { ProviderEvent, Usage } from "@plexum/plugin-sdk";

/** What the provider reads of claude's stream-json, in 2.1.332; see docs/claude.md. */
export interface ClaudeEvent {
  readonly type: string;
  readonly session_id?: string;
  readonly event?: { readonly type: string; readonly delta?: { readonly type: string; readonly text?: string } };
  readonly is_error?: boolean;
  readonly result?: string;
  readonly errors?: readonly string[];
  readonly usage?: Readonly<Record<string, unknown>>;
}

/** Returns the piece of text in an event of claude, if there is one. */
export function textDelta({ type, event }: ClaudeEvent): ProviderEvent | undefined {
  const text = type === "stream_event" && event?.delta?.type === "text_delta" ? event.delta.text : undefined;
  return text === undefined ? undefined : { type: "text_delta", text };
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
