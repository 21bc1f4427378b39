import { SearchableFile } from "@plexum/jsonl-edit";
import { recoverBeforeReading } from "../recover/recover-rollout.ts";
import { historyChain } from "./history-chain.ts";
import { openRollout } from "./open-rollout.ts";
import type { ReadRolloutOptions } from "./read-rollout.ts";
import { toRolloutEntry } from "./rollout-entry.ts";
import { type TokenTotals, tokenCountInfo } from "./rollout-line.ts";

export interface ThreadUsage {
  /** The thread's running total, from its last `token_count`. `turn.completed` of `codex exec` continues to count from it. */
  readonly total: TokenTotals | undefined;
  /** The same total, from the last `token_usage_record` (codex 0.153 and later). */
  readonly record: TokenTotals | undefined;
}

/** How far from the end to search. Codex writes a count after each answer of the model. */
const MAX_BYTES = 128 * 1024 * 1024;
/** The lines searched for are some hundred bytes long. */
const MAX_LINE_BYTES = 1024 * 1024;

/**
 * Returns the tokens that a thread has used so far: the last counts in its rollout. A fork that has no count yet starts with its
 * parent's. Searches at most 128 MiB from the end, and parses only the counts.
 *
 * @throws RolloutError `not_found`, `not_a_file` or `not_permitted` if a file of the history can't be opened; `replaced` if it becomes
 * shorter; `damaged` or `no_space` if it can't be decompressed; `io`.
 */
export async function readThreadUsage(
  path: string,
  options: Pick<ReadRolloutOptions, "codexHome" | "signal"> = {},
): Promise<ThreadUsage> {
  let total: TokenTotals | undefined;
  let record: TokenTotals | undefined;
  let maxBytes = MAX_BYTES;
  await recoverBeforeReading(path, options);
  for (const segment of (await historyChain(path, options)).toReversed()) {
    await using rollout = await openRollout(segment.path, options.signal);
    const end = Math.min(segment.end ?? rollout.size, rollout.size);
    const file = new SearchableFile(rollout.path, rollout.file, rollout.size);
    const limits = { maxLineBytes: MAX_LINE_BYTES, maxBytes, signal: options.signal };
    for await (const { bytes, ...found } of file.search(new Set(MARKS), limits, end)) {
      const entry = bytes && toRolloutEntry(rollout.path, { kind: "line", ...found, bytes });
      if (entry?.kind !== "line") continue;
      const { line } = entry;
      if (line.type === "event_msg" && line.payload.type === "token_count")
        total ??= tokenCountInfo.safeParse(line.payload.info).data?.total_token_usage;
      if (line.type === "token_usage_record") record ??= line.payload.thread_token_usage;
      // The record is in the same turn as the count, unless the version writes none. So the beginning of the turn ends the search.
      const isTurnStart = line.type === "event_msg" && line.payload.type === "task_started";
      if (total !== undefined && (record !== undefined || isTurnStart)) return { total, record };
    }
    maxBytes -= end;
    if (maxBytes <= 0) break;
  }
  return { total, record };
}

const MARKS = ["token_count", "token_usage_record", "task_started"];
