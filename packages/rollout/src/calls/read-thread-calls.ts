import { asRolloutError } from "../errors.ts";
import { historyChain } from "../read/history-chain.ts";
import { type OpenRollout, openRollout } from "../read/open-rollout.ts";
import type { ReadRolloutOptions } from "../read/read-rollout.ts";
import { recoverBeforeReading } from "../recover/recover-rollout.ts";
import type { CallPlaces } from "./call-places.ts";
import { callsOfScan } from "./calls-of-scan.ts";
import { lastCompactedTurn } from "./last-compacted-turn.ts";
import type { ThreadContext } from "./thread-context.ts";
import { ThreadScan } from "./thread-scan.ts";
import type { ToolCall } from "./tool-call.ts";

/** Shorter rollouts are read completely. */
const MIN_BYTES_TO_SKIP = 64 * 1024 * 1024;

/** A tool call, as a part of what the model is sent with every request. */
export interface ThreadCall extends Pick<ToolCall, "callId" | "name" | "kind"> {
  /** The number of its turn; 0 if it belongs to none. Turns without calls count too. */
  readonly turn: number;
  /** The beginning of its arguments, on one line: at most 200 characters. */
  readonly argumentsExcerpt: string;
  /** The size of its arguments and output in the rollout, including images. */
  readonly bytes: number;
  /** Its tokens, estimated as codex does without a count: four bytes per token, and the same number for every image. */
  readonly tokens: number;
  /**
   * - `in-context`: the model sees it
   * - `compacted`: a summary has replaced it
   * - `rolled-back`: its turn was rolled back
   */
  readonly state: "in-context" | "compacted" | "rolled-back";
  /** True if the call was made in the thread from which this one was created, and codex copied its lines. */
  readonly isInherited: boolean;
  /** True if a later call has the same id, as some models give it. A mutation changes the last call with an id. */
  readonly isIdReused: boolean;
  /** True if its output was consumed, light or heavy. Always false for a nested call. */
  readonly isConsumed: boolean;
}

/** The number of some calls, and their tokens. */
export interface CallCount {
  readonly calls: number;
  /** Estimated from the lengths of their lines. */
  readonly tokens: number;
}

export interface ThreadCalls {
  /** The number of turns in the thread, without those that were rolled back. */
  readonly turnCount: number;
  /** The calls, in the order in which they were first seen. If there are more than 10,000, only the 2,000 largest. */
  readonly calls: readonly ThreadCall[];
  /**
   * How many bytes of the history were not read, since a compaction has summarized them. Turns, compactions and rollbacks are then
   * counted only from there. 0 unless `inContextOnly` was set and the rollout is longer than 64 MiB.
   */
  readonly skippedBytes: number;
  /** How often a summary replaced everything before it. */
  readonly compactionCount: number;
  /** The number of turns that were rolled back. */
  readonly rolledBackTurnCount: number;
  /** The calls that compactions removed from the context. */
  readonly compacted: CallCount;
  /** The calls that rollbacks removed from the context. */
  readonly rolledBack: CallCount;
  /** The calls in the context that are not among `calls`. */
  readonly omitted: CallCount;
  /** How full the context was. Undefined if codex has recorded no count. */
  readonly context: ThreadContext | undefined;
  /** Where the lines of `calls` are. Pass it to `mutateRollout`. */
  readonly places: CallPlaces;
}

export interface ReadThreadCallsOptions extends Pick<ReadRolloutOptions, "codexHome" | "signal" | "maxLineBytes"> {
  /** The thread's id. It is needed to detect turns that codex copied from another thread. */
  readonly threadId?: string;
  /**
   * Omit calls that are not in the context. They are counted all the same.
   * @default false
   */
  readonly inContextOnly?: boolean;
}

/**
 * Returns the tool calls of a thread and their sizes. Parses only the lines of the calls that it returns, and a few others. Holds no
 * texts in memory.
 *
 * @throws RolloutError `not_found`, `not_a_file` or `not_permitted` if a file of the history can't be opened; `replaced` if it becomes
 * shorter; `damaged` or `no_space` if it can't be decompressed; `io`.
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
    return await callsOfScan(scan, options);
  } catch (error) {
    throw asRolloutError(error, path, "read");
  }
}

/**
 * Reads from the turn of the last compaction. Returns undefined if the context has calls from before it, or the rollout is too short for
 * this to pay off.
 */
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
  // The compaction was rolled back, or a rollback reaches back to turns that were not read.
  if (scan.turns.compactedAt === undefined || scan.turns.reachesBack) return undefined;
  const before = rollouts.slice(0, -1).reduce((sum, { end }) => sum + end, start);
  const thread = await callsOfScan(scan, options, before);
  // If the compaction kept calls, their lines were not read.
  return (await scan.keptIds()).size > 0 ? undefined : thread;
}
