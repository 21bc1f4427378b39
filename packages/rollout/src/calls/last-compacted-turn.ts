import { SearchableFile } from "@plexum/jsonl-edit";
import type { OpenRollout } from "../read/open-rollout.ts";
import { toRolloutEntry } from "../read/rollout-entry.ts";

/** Large, since the line of a compaction contains what it kept of the history. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;
/** A context is rarely longer. If there is no compaction, searching farther would cost more time than it saves. */
const MAX_SEARCHED_BYTES = 128 * 1024 * 1024;

/**
 * Returns the offset of the turn that contains the last compaction. Returns undefined if no compaction is found in the last 128 MiB,
 * or no turn is recorded.
 */
export async function lastCompactedTurn(
  rollout: OpenRollout,
  end: number,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const isCompaction = (type: string) => type === "compacted";
  const compaction = await lastLine(rollout, end, "compacted", isCompaction, signal);
  if (compaction === undefined) return undefined;
  return lastLine(rollout, compaction, "task_started", (_type, inner) => inner === "task_started", signal);
}

async function lastLine(
  { path, file, size }: OpenRollout,
  end: number,
  mark: string,
  isIt: (type: string, inner: unknown) => boolean,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const searchable = new SearchableFile(path, file, size);
  for await (const { bytes, ...found } of searchable.search(
    new Set([mark]),
    { maxLineBytes: MAX_LINE_BYTES, maxBytes: MAX_SEARCHED_BYTES, signal },
    end,
  )) {
    const entry = bytes && toRolloutEntry(path, { kind: "line", ...found, bytes });
    if (entry?.kind !== "line") continue;
    if (isIt(entry.line.type, (entry.line.payload as { type?: unknown } | null)?.type)) return found.offset;
  }
  return undefined;
}
