import { type RolloutLine, tokenCountInfo } from "../read/rollout-line.ts";

/** The size of the context at the last request, as the provider counted it. */
export interface ThreadContext {
  /** The tokens of the last request and its answer. */
  readonly tokens: number;
  /** How many of them the provider read from its cache. */
  readonly cachedTokens: number;
  /** The size of the model's context window. Undefined if codex does not know it. */
  readonly window: number | undefined;
}

/** Returns the size of the context in a `token_count` event. Returns undefined if the line has none. */
export function contextIn(line: RolloutLine): ThreadContext | undefined {
  if (line.type !== "event_msg") return undefined;
  const info = tokenCountInfo.safeParse(line.payload.info).data;
  if (info === undefined) return undefined;
  const { input_tokens, output_tokens, total_tokens, cached_input_tokens } = info.last_token_usage;
  const window = info.model_context_window;
  return {
    tokens: total_tokens ?? input_tokens + output_tokens,
    cachedTokens: cached_input_tokens,
    window: typeof window === "number" && window > 0 ? window : undefined,
  };
}
