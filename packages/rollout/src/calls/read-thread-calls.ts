import { asRolloutError } from "../errors.ts";
import { historyChain } from "../read/history-chain.ts";
import { type OpenRollout, openRollout } from "../read/open-rollout.ts";
import type { ReadRolloutOptions } from "../read/read-rollout.ts";
import { recoverBeforeReading } from "../recover/recover-rollout.ts";
import type { CallPlaces } from "./call-places.ts";
import { lastCompactedTurn } from "./last-compacted-turn.ts";
import { readCalls } from "./read-calls.ts";
import { type ThreadContext, ThreadScan } from "./thread-scan.ts";
import type { ToolCall } from "./tool-call.ts";

/** Shorter rollouts are read as a whole. */
const MIN_BYTES_TO_SKIP = 64 * 1024 * 1024;

/** A tool call as a part of what the model is sent with every request. */
export interface ThreadCall extends Pick<ToolCall, "callId" | "name" | "kind"> {
  /** Of its turn; 0 if it belongs to none. Turns without calls count too. */
  readonly turn: number;
  /** How its arguments begin, on one line: at most 200 characters. */
  readonly argumentsExcerpt: string;
  /** Of arguments and output as the rollout has them, images included. */
  readonly bytes: number;
  /** As codex estimates where it has no count: four bytes a token, and the same for every image. */
  readonly tokens: number;
  /**
   * - `in-context`: the model sees it
   * - `compacted`: a summary stands in its place
   * - `taken-back`: its turn was rolled back
   */
  readonly state: "in-context" | "compacted" | "taken-back";
  /** It was made in the thread that this one was made from, and codex copied its lines. */
  readonly isInherited: boolean;
  /** Its output was consumed, light or heavy. Not told of a nested call. */
  readonly isConsumed: boolean;
}

/** Some calls, counted. */
export interface CallCount {
  readonly calls: number;
  /** Estimated from the lengths of their lines. */
  readonly tokens: number;
}

export interface ThreadCalls {
  /** How many turns the thread has, without those that were taken back. */
  readonly turnCount: number;
  /** In the order in which they were first seen. Of more than 10,000 only the 2,000 largest. */
  readonly calls: readonly ThreadCall[];
  /**
   * How many bytes of the history were not read, since a compaction has summed them up: turns are counted from there, and so are what
   * compactions and rollbacks took. 0 unless `inContextOnly` was asked for, and the rollout is longer than 64 MiB.
   */
  readonly skippedBytes: number;
  /** How often a summary was put in the place of all that stood before it. */
  readonly compactionCount: number;
  /** How many turns were rolled back. */
  readonly takenBackTurnCount: number;
  /** The calls that compactions took from the context, and rollbacks. */
  readonly compacted: CallCount;
  readonly takenBack: CallCount;
  /** The calls in the context that are not among `calls`. */
  readonly omitted: CallCount;
  /** How full the context was. Undefined if codex has recorded no count. */
  readonly context: ThreadContext | undefined;
  /** Where the lines of `calls` stand, for a mutation of them. */
  readonly places: CallPlaces;
}

export interface ReadThreadCallsOptions extends Pick<ReadRolloutOptions, "codexHome" | "signal" | "maxLineBytes"> {
  /** Tells the turns that codex copied from the thread that this one was made from. */
  readonly threadId?: string;
  /** Leave calls out that are not in the context, which are counted all the same. Default false. */
  readonly inContextOnly?: boolean;
}

/**
 * Reads a thread for what its tool calls cost. Passes over the lines, parses those of the calls that it returns, and holds no texts.
 * @throws RolloutError
 */
export async function readThreadCalls(path: string, options: ReadThreadCallsOptions = {}): Promise<ThreadCalls> {
  await recoverBeforeReading(path, options);
  const segments = await historyChain(path, options);
  await using stack = new AsyncDisposableStack();
  try {
    const rollouts: { rollout: OpenRollout; end: number }[] = [];
    for (const { path, end } of segments) {
      const rollout = stack.use(await openRollout(path, options.signal));
      rollouts.push({ rollout, end: Math.min(end ?? rollout.size, rollout.size) });
    }
    if (options.inContextOnly) {
      const recent = await readRecent(rollouts, options);
      if (recent !== undefined) return recent;
    }
    const scan = new ThreadScan(options);
    for (const { rollout, end } of rollouts) await scan.read(rollout, end);
    return await readCalls(scan, options);
  } catch (error) {
    throw asRolloutError(error, path, "read");
  }
}

/** Reads from the turn on that the last compaction stands in. Undefined if that is not all that is in the context, or does not pay. */
async function readRecent(
  rollouts: readonly { rollout: OpenRollout; end: number }[],
  options: ReadThreadCallsOptions,
): Promise<ThreadCalls | undefined> {
  const last = rollouts.at(-1);
  if (last === undefined || last.end < MIN_BYTES_TO_SKIP) return undefined;
  const start = await lastCompactedTurn(last.rollout, last.end, options.signal);
  if (start === undefined) return undefined;
  const scan = new ThreadScan(options);
  await scan.read(last.rollout, last.end, start);
  // The compaction was rolled back, or a rollback went farther back than was read.
  if (scan.turns.compactedAt === undefined || scan.turns.reachesBack) return undefined;
  const before = rollouts.slice(0, -1).reduce((sum, { end }) => sum + end, start);
  const thread = await readCalls(scan, options, before);
  // What a compaction kept of the calls before it stands in no line that was read.
  return (await scan.keptIds()).size > 0 ? undefined : thread;
}
