import type { Usage as ThreadUsage } from "@plexum/codex-jsonl";
import type { Usage } from "@plexum/plugin-sdk";

const NO_USAGE: Usage = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, thinking_tokens: 0 };

/** Returns the turn's own tokens. codex reports the thread's running total, so the total before the turn is subtracted. */
export function turnUsage(before: ThreadUsage | undefined, after: ThreadUsage | undefined): Usage {
  if (after === undefined) return NO_USAGE;
  const since = (key: keyof ThreadUsage) =>
    Math.max(0, ((after[key] as number | undefined) ?? 0) - ((before?.[key] as number | undefined) ?? 0));
  return {
    input_tokens: since("input_tokens"),
    output_tokens: since("output_tokens"),
    cache_read_tokens: since("cached_input_tokens"),
    thinking_tokens: since("reasoning_output_tokens"),
  };
}
