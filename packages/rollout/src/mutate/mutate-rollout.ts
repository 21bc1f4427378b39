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
   * Edit the copies too that codex keeps for its own display: its `thread/read` and its desktop app show the new text then, once
   * they derive it again. The model never sees them. Default false.
   */
  readonly scrubDisplayCopies?: boolean;
  /** Only report. Default false. */
  readonly dryRun?: boolean;
  /** Edit lines too that stand in, or are shown by, another thread: the parent or the forks of this one. Default false. */
  readonly allowOtherThreads?: boolean;
  /** For model providers that use a call id again in the same thread: edit every call of that id, which reads the whole file. Default false. */
  readonly repeatedIds?: boolean;
  /** Estimate what the mutation frees and costs: `cost` in the report. Searches the file from the first edited line on once more. Default false. */
  readonly estimate?: boolean;
  /**
   * Keep the old values in this folder, for `restoreRollout`: for 30 days, and of all mutations together at most 100 MB. It is made if
   * it is not there. Text that is longer than its line allows is skipped then. Default: none are kept.
   */
  readonly undoFolder?: string;
  /** By `exec-<uuid>`: the id of the outer response item (`ctc_…`), as `_meta.itemId` tells an MCP server. Where it is missing, the order of the lines tells. */
  readonly nestedCalls?: ReadonlyMap<string, string>;
  /**
   * Where the calls' lines stand, from `readThreadCalls`: they are not searched for then, but for what was appended since. A file that
   * is not the one that was read is searched as without it.
   */
  readonly places?: CallPlaces;
  /** Where forks and parents are looked for. Default: the home that the file stands in, by its path as given, else by where links lead. */
  readonly codexHome?: string;
  /** How long to wait for another mutation of the same file, and for codex to release its index, in milliseconds. Default 5,000. */
  readonly waitMs?: number;
  /** A longer line is not edited. In bytes; default 64 MiB. */
  readonly maxLineBytes?: number;
  /** Takes effect until writing begins. */
  readonly signal?: AbortSignal;
  /** Gets a message about something that was set aside, since it stood under a name of this package's and can't be its. Default: a process warning. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Changes what the model sees of earlier tool calls when the thread is resumed. Nothing else changes: in place, not a byte moves.
 * Of two edits of one call the later counts. No file, or no such call, is no error.
 *
 * A codex that has the thread loaded does not notice before it loads it again. A thread whose history stands in several files is
 * edited file by file, each of them as a whole or not at all.
 *
 * @throws RolloutError `busy` if another mutation does not end in time, `not_permitted`, `no_space`, `replaced`, `not_a_file`, `damaged`, `io`.
 */
export function mutateRollout(
  path: string,
  edits: Iterable<CallEdit>,
  options: MutateRolloutOptions = {},
): Promise<MutationReport> {
  return mutateWith(nodeFiles, path, edits, options);
}

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
    // By the path as it was given: the folder that it leads to may have any name.
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

/** Of the files of one history: what the first of them has changed, all that stands behind has to be read again for. */
function sum(costs: readonly (MutationCost | undefined)[]): MutationCost {
  const all = costs.flatMap((cost) => cost ?? []);
  return {
    tokensFreed: all.reduce((sum, { tokensFreed }) => sum + tokensFreed, 0),
    tokensUncached: Math.max(0, ...all.map(({ tokensUncached }) => tokensUncached)),
  };
}

/** Codex drops a line that has half of a surrogate pair in it (0.135, 0.169), and the model sees the call as aborted: the half goes. */
const wellFormed = (edit: CallEdit): CallEdit => ({
  ...edit,
  output: edit.output?.toWellFormed(),
  arguments: edit.arguments?.toWellFormed(),
});
