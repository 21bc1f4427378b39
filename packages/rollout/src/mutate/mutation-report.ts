import type { EditPlan } from "@plexum/jsonl-edit";
import type { MutationCost } from "./estimate-cost.ts";

/**
 * - `no_output`: the call has no output (it was aborted, or is still running). A call whose arguments were edited is not skipped.
 * - `other_thread`: the lines are in another thread's file, or a fork of this thread shows them too. See `allowOtherThreads`.
 * - `line_too_long`: a line that may belong to the call is longer than `maxLineBytes`.
 * - `writer_active`: the new text is longer than its line allows, and codex has the thread open, or this system can't determine that.
 * - `shared_history`: the new text is longer than its line allows, and another file continues this one from a point after it.
 * - `has_to_grow`: the new text is longer than its line allows, and the old values are to be saved. See `undoFolder`.
 * - `changed_since`: something else has changed the line since, or its saved values are damaged. Only of a restore.
 * - `changed_by_script`: a nested call's result can't be found in its script's output, since the script changed it. The whole output
 *   is replaced once all calls of that script have been edited. The file keeps a note of this edit if there is room.
 * - `already_edited`: a nested call's result was already replaced, by the same text as another call's. They can't be distinguished.
 * - `arguments_in_script`: the arguments of a nested call are in the outer call's script. Edit that call.
 */
export type SkipReason =
  | "no_output"
  | "other_thread"
  | "line_too_long"
  | "writer_active"
  | "shared_history"
  | "has_to_grow"
  | "changed_since"
  | "changed_by_script"
  | "already_edited"
  | "arguments_in_script";

/** An edit that was not made. */
export interface SkippedEdit {
  readonly callId: string;
  /** The reason, for programs. */
  readonly reason: SkipReason;
  /** The reason, for users. */
  readonly message: string;
}

/** The result of a mutation. Calls are in the order in which their edits were passed. */
export interface MutationReport {
  /**
   * - `unchanged`: nothing was written
   * - `in-place`: bytes were overwritten, nothing was moved
   * - `rewritten`: a line had to grow, and the file is a new one
   */
  readonly mode: "unchanged" | "in-place" | "rewritten";
  /** The calls that now have the new values, whether they were changed or had them already. */
  readonly touched: readonly string[];
  /** The calls that the thread does not have. */
  readonly missing: readonly string[];
  readonly skipped: readonly SkippedEdit[];
  /** How much smaller the thread is for the model, in bytes of JSON. Negative if it grew. */
  readonly bytesFreed: number;
  /** Undefined unless the `estimate` option was set. */
  readonly cost: MutationCost | undefined;
  /** True if nothing was written because the `dryRun` option was set. */
  readonly dryRun: boolean;
}

/** The planned edits of one file. */
export type MutationPlan = EditPlan<SkipReason>;
