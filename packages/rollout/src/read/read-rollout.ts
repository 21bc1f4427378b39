import { type LineLimit, LineSplitter, readLinesBackward, type SplitLine, splitLines } from "@plexum/jsonl";
import { recoverBeforeReading } from "../recover/recover-rollout.ts";
import { historyChain } from "./history-chain.ts";
import { chunksOf, type OpenRollout, openRollout, readExactly } from "./open-rollout.ts";
import { type RolloutEntry, toRolloutEntry } from "./rollout-entry.ts";

export interface ReadRolloutOptions extends LineLimit {
  /** Default `forward`. */
  readonly direction?: "forward" | "backward";
  /**
   * Forward: begin at this offset, which must be a line's. Backward: begin with the line before this offset.
   * With it only this file is read, never the files its history goes on from.
   */
  readonly from?: number;
  /** Read the files of a forked or reverted thread as one history. Default true, unless `from` is given. */
  readonly history?: boolean;
  /** Where a forked thread's parent is looked for. Default: the home that `path` stands in. */
  readonly codexHome?: string;
  readonly signal?: AbortSignal;
}

/**
 * The lines of a thread, in order or from the last to the first. A line that can't be read is reported as such and
 * stepped over; a blank one is passed over. Reads compressed rollouts. Ends where the file ended when reading began.
 *
 * @throws RolloutError
 */
export async function* readRollout(
  path: string,
  options: ReadRolloutOptions = {},
): AsyncGenerator<RolloutEntry, void, undefined> {
  const { direction = "forward", from, history = from === undefined, signal } = options;
  await recoverBeforeReading(path, options);
  const segments = history ? await historyChain(path, options) : [{ path, end: undefined }];
  if (direction === "backward") segments.reverse();
  for (const segment of segments) {
    await using rollout = await openRollout(segment.path, signal);
    const end = Math.min(segment.end ?? rollout.size, rollout.size);
    const lines =
      direction === "forward"
        ? splitLines(chunksOf(rollout.file, rollout.path, from ?? 0, end), { ...options, startOffset: from ?? 0 })
        : readLinesBackward(rollout.file, { ...options, end: Math.min(from ?? end, end) });
    for await (const split of lines) {
      signal?.throwIfAborted();
      const entry = await settled(rollout, split);
      if (entry !== undefined) yield entry;
    }
  }
}

/**
 * A line that is being mutated at this moment may be read half old and half new, since the kernel moves a page at a time.
 * It is whole again at once: a damaged line is read once more, and is damaged only if it has stayed the same.
 */
async function settled(rollout: OpenRollout, split: SplitLine): Promise<RolloutEntry | undefined> {
  for (let current = split, tries = 0; ; tries++) {
    const entry = toRolloutEntry(rollout.path, current);
    if (entry?.kind !== "damaged" || current.kind === "oversized" || !current.terminated || tries === 100) return entry;
    const again = await readExactly(rollout.file, rollout.path, split.offset, split.length);
    if (again.equals(current.bytes)) return entry;
    const splitter = new LineSplitter({ startOffset: split.offset, maxLineBytes: Math.max(1, split.length) });
    current = { ...(splitter.write(again)[0] ?? splitter.end()[0] ?? current), terminated: true };
  }
}
