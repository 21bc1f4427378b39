import { type ReadRolloutOptions, readRollout } from "./read-rollout.ts";
import { type TokenTotals, tokenCountInfo } from "./rollout-line.ts";

export interface ThreadUsage {
  /** The thread's running total by its last `token_count`: what `turn.completed` of `codex exec` counts on from. */
  readonly total: TokenTotals | undefined;
  /** The same by its last `token_usage_record` (codex 0.153 and later). */
  readonly record: TokenTotals | undefined;
}

/**
 * What a thread has used so far, read from its end backward: as much of it as is needed. A fork that has no count of its
 * own yet begins with its parent's.
 *
 * @throws RolloutError
 */
export async function readThreadUsage(
  path: string,
  options: Pick<ReadRolloutOptions, "codexHome" | "signal" | "maxLineBytes"> = {},
): Promise<ThreadUsage> {
  let total: TokenTotals | undefined;
  let record: TokenTotals | undefined;
  for await (const entry of readRollout(path, { ...options, direction: "backward" })) {
    if (entry.kind !== "line") continue;
    const { line } = entry;
    if (line.type === "event_msg" && line.payload.type === "token_count")
      total ??= tokenCountInfo.safeParse(line.payload.info).data?.total_token_usage;
    if (line.type === "token_usage_record") record ??= line.payload.thread_token_usage;
    // A record stands in the same turn as its count, or the version writes none: the turn's beginning ends the search.
    const isTurnStart = line.type === "event_msg" && line.payload.type === "task_started";
    if (total !== undefined && (record !== undefined || isTurnStart)) break;
  }
  return { total, record };
}
