import { asRolloutError } from "../errors.ts";
import { recoverBeforeReading } from "../leftovers/recover-rollout.ts";
import { historyChain } from "../read/history-chain.ts";
import { openRollout } from "../read/open-rollout.ts";
import type { ReadRolloutOptions } from "../read/read-rollout.ts";
import { readCalls } from "./read-calls.ts";
import { type ThreadContext, ThreadScan } from "./thread-scan.ts";
import type { ToolCall } from "./tool-call.ts";

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
  /** How often a summary was put in the place of all that stood before it. */
  readonly compactionCount: number;
  /** How many turns were rolled back. */
  readonly takenBackTurnCount: number;
  /** The calls that compactions took from the context, and rollbacks. */
  readonly compacted: CallCount;
  readonly takenBack: CallCount;
  /** The calls in the context that are not among `calls`. */
  readonly omitted: CallCount;
  /** Undefined if codex has recorded no count. */
  readonly context: ThreadContext | undefined;
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
  const scan = new ThreadScan(options);
  const segments = await historyChain(path, options);
  await using stack = new AsyncDisposableStack();
  try {
    for (const { path, end } of segments) {
      const rollout = stack.use(await openRollout(path, options.signal));
      await scan.read(rollout, Math.min(end ?? rollout.size, rollout.size));
    }
    return await readCalls(scan, options);
  } catch (error) {
    throw asRolloutError(error, path, "read");
  }
}
