import { type Files, nodeFiles } from "@plexum/jsonl-edit";
import type { CallPlaces } from "../calls/call-places.ts";
import { asRolloutError } from "../errors.ts";
import { codexHomeOf } from "../find/codex-home.ts";
import { MAX_SEGMENTS, tooManySegments } from "../read/history-chain.ts";
import type { CallEdit } from "./call-edit.ts";
import type { MutationCost } from "./estimate-cost.ts";
import { type FileOutcome, type Mutation, mutateFile } from "./mutate-file.ts";
import type { MutationReport } from "./mutation-report.ts";

export interface MutateRolloutOptions {
  /**
   * Also edit the copies that codex keeps for its own display. Its `thread/read` and its desktop app then show the new text, once they
   * derive it again. The model never sees the copies.
   * @default false
   */
  readonly scrubDisplayCopies?: boolean;
  /**
   * Only report.
   * @default false
   */
  readonly dryRun?: boolean;
  /**
   * Also edit lines that another thread contains or shows: the parent or a fork of this one.
   * @default false
   */
  readonly allowOtherThreads?: boolean;
  /**
   * Edit every call of an id, for model providers that reuse ids in a thread. This reads the whole file.
   * @default false
   */
  readonly repeatedIds?: boolean;
  /**
   * Estimate what the mutation frees and costs: `cost` in the report. Searches the file once more, from the first edited line.
   * @default false
   */
  readonly estimate?: boolean;
  /**
   * Save the old values in this folder, for `restoreRollout`. They are kept for 30 days, and at most 100 MB for all mutations. The
   * folder is created if it does not exist. Text that is longer than its line allows is skipped. Default: none are kept.
   */
  readonly undoFolder?: string;
  /**
   * Maps `exec-<uuid>` to the id of the outer response item (`ctc_…`), which an MCP server gets as `_meta.itemId`. For calls that are
   * not in the map, the script is derived from the order of the lines.
   */
  readonly nestedCalls?: ReadonlyMap<string, string>;
  /**
   * Where the calls' lines are, from `readThreadCalls`. Then only what was appended since is searched. If the file is not the one
   * that was read, all of it is searched, as without this option.
   */
  readonly places?: CallPlaces;
  /** Where to search for forks and parents. Default: the home that the file is in, by its path as given, else by its resolved path. */
  readonly codexHome?: string;
  /**
   * How long to wait for another mutation of the same file, and for codex to release its index, in milliseconds.
   * @default 5_000
   */
  readonly waitMs?: number;
  /**
   * Lines longer than this are not edited. In bytes.
   * @default 67_108_864
   */
  readonly maxLineBytes?: number;
  /** Aborts the mutation, until writing begins. */
  readonly signal?: AbortSignal;
  /** Called with a message when a file that has a name of this package, but can't be its own, is set aside. Default: a process warning. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Changes what the model sees of earlier tool calls when the thread is resumed. Nothing else changes, and an edit in place moves no
 * byte. If there are two edits of one call, the later one wins. A missing file or call is not an error.
 *
 * A codex that has the thread loaded does not notice until it loads the thread again. A thread whose history is in several files is
 * edited file by file. A crash leaves all of the edits of a file or none of them.
 *
 * @throws RolloutError `busy` if another mutation does not end in time, or codex is writing to its index; `not_permitted`,
 * `no_space`, `replaced`, `not_a_file`, `damaged`, `io`.
 */
export function mutateRollout(
  path: string,
  edits: Iterable<CallEdit>,
  options: MutateRolloutOptions = {},
): Promise<MutationReport> {
  return mutateWith(nodeFiles, path, edits, options);
}

/**
 * Does the same with the given file operations.
 *
 * In this folder, "mutate" is about a thread: its history may be in several files. "Edit" is about one file and its lines, as in
 * jsonl-edit. A mutation edits file by file, beginning with the thread's own.
 */
export async function mutateWith(
  files: Files,
  path: string,
  edits: Iterable<CallEdit>,
  options: MutateRolloutOptions = {},
): Promise<MutationReport> {
  const wanted = new Map<string, CallEdit>();
  for (const edit of edits) wanted.set(edit.callId, wellFormed(edit));
  const asked = [...wanted.keys()];
  const outcomes: FileOutcome[] = [];
  try {
    // Use the path as it was given: the folder to which it leads may have any name.
    const codexHome = options.codexHome ?? codexHomeOf(path);
    const mutation: Mutation = { ...options, files, wanted, codexHome, threadId: undefined };
    for (let next: FileOutcome["base"] = { path, end: Number.POSITIVE_INFINITY }; next && wanted.size > 0; ) {
      const outcome = await mutateFile(mutation, next.path, next.end);
      if (outcome === undefined) break;
      outcomes.push(outcome);
      if (outcomes.length > MAX_SEGMENTS) throw tooManySegments(path);
      for (const callId of [...outcome.plan.edited, ...outcome.plan.skipped.keys()]) wanted.delete(callId);
      next = outcome.base;
    }
  } catch (error) {
    throw asRolloutError(error, path, "mutate");
  }
  const modes = outcomes.map(({ mode }) => mode);
  const touched = new Set(outcomes.flatMap(({ plan }) => [...plan.edited]));
  const skipped = new Map(outcomes.flatMap(({ plan }) => [...plan.skipped]));
  return {
    mode: options.dryRun
      ? "unchanged"
      : ((["rewritten", "in-place"] as const).find((mode) => modes.includes(mode)) ?? "unchanged"),
    touched: asked.filter((callId) => touched.has(callId)),
    missing: [...wanted.keys()],
    skipped: asked.flatMap((callId) => {
      const { reason, message } = skipped.get(callId) ?? {};
      return reason === undefined || message === undefined ? [] : { callId, reason, message };
    }),
    bytesFreed: outcomes.reduce((sum, outcome) => sum + outcome.bytesFreed, 0),
    cost: options.estimate ? sum(outcomes.map(({ cost }) => cost)) : undefined,
    dryRun: options.dryRun ?? false,
  };
}

/** Adds up the costs of a history's files. The uncached tokens are those after the first change of all: the largest figure. */
function sum(costs: readonly (MutationCost | undefined)[]): MutationCost {
  const all = costs.flatMap((cost) => cost ?? []);
  return {
    tokensFreed: all.reduce((sum, { tokensFreed }) => sum + tokensFreed, 0),
    tokensUncached: Math.max(0, ...all.map(({ tokensUncached }) => tokensUncached)),
  };
}

/** Replaces halves of surrogate pairs. Codex drops a line that has one (0.135, 0.169), and the model sees the call as aborted. */
const wellFormed = (edit: CallEdit): CallEdit => ({
  ...edit,
  output: edit.output?.toWellFormed(),
  arguments: edit.arguments?.toWellFormed(),
});
