import { type LineLimit, LineSplitter, readLinesBackward, type SplitLine, splitLines } from "@plexum/jsonl";
import { RolloutError } from "../errors.ts";
import { recoverBeforeReading } from "../recover/recover-rollout.ts";
import { historyChain } from "./history-chain.ts";
import { chunksOf, type OpenRollout, openRollout, readExactly } from "./open-rollout.ts";
import { type RolloutEntry, toRolloutEntry } from "./rollout-entry.ts";

export interface ReadRolloutOptions extends LineLimit {
  /**
   * The order in which to yield the lines.
   * @default "forward"
   */
  readonly direction?: "forward" | "backward";
  /**
   * Forward: begins at this offset, which must be the beginning of a line. Backward: begins with the line before this offset.
   * With this option, only the given file is read, and not the files that it continues.
   */
  readonly from?: number;
  /** Reads the files of a forked or reverted thread as one history. Default true, unless `from` is given. */
  readonly history?: boolean;
  /** Where to search for the parent of a forked thread. Default: the home that `path` is in. */
  readonly codexHome?: string;
  readonly signal?: AbortSignal;
}

/**
 * Yields the lines of a thread, in order or from the last to the first. A line that can't be read is reported and skipped. Blank
 * lines are skipped. Reads compressed rollouts too. Ends where the file ended when reading began.
 *
 * @throws RolloutError `not_found`, `not_a_file` or `not_permitted` if a file of the history can't be opened; `replaced` if it becomes
 * shorter; `damaged` or `no_space` if it can't be decompressed; `io`. RangeError if `maxLineBytes` or `from` is not an integer in its
 * range.
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
        : backward(rollout, { ...options, end: Math.min(from ?? end, end) });
    for await (const split of lines) {
      signal?.throwIfAborted();
      const entry = await settled(rollout, split);
      if (entry !== undefined) yield entry;
    }
  }
}

async function* backward(
  rollout: OpenRollout,
  options: LineLimit & { readonly end: number },
): AsyncGenerator<SplitLine> {
  const { file, path } = rollout;
  try {
    yield* readLinesBackward(file, options);
  } catch (error) {
    if ((await file.stat()).size >= options.end) throw error;
    throw new RolloutError("replaced", path, `${path} was shortened while it was being read`, { cause: error });
  }
}

/**
 * Returns a line once it is stable. A line that is being mutated may be read half old and half new, since the kernel writes page by
 * page. So a damaged line is read again. It is reported as damaged only if it is still the same.
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
