import type { EditPlan } from "@plexum/jsonl-edit";
import type { MutationCost } from "./estimate-cost.ts";

/**
 * - `no_output`: the call has no output (it was aborted, or is still running). A call whose arguments were edited is not skipped for it.
 * - `other_thread`: the lines stand in another thread's file, or a fork of this thread shows them too. See `allowOtherThreads`.
 * - `line_too_long`: a line that may be the call's is longer than `maxLineBytes`.
 * - `writer_active`: the new text is longer than the old line allows, and codex has the thread open, or that can't be determined on this system.
 * - `shared_history`: the new text is longer than the old line allows, and other files go on from places behind it.
 * - `has_to_grow`: the new text is longer than the old line allows, and the mutation is one that can be undone. See `undoFolder`.
 * - `changed_since`: of a restore: something else has changed the line since, or what was kept of it is damaged.
 * - `changed_by_script`: what a script made of the result can't be found in its output. The output goes as a whole once all calls of that
 *   script have been edited; that this one was asked for is kept in the file where there is room.
 * - `already_edited`: of a nested call whose result was replaced before, with the same text as another's: they can't be distinguished.
 * - `arguments_in_script`: the arguments of a nested call stand in the outer call's script; edit that call.
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

export interface SkippedEdit {
  readonly callId: string;
  readonly reason: SkipReason;
  /** For a person. */
  readonly message: string;
}

/** Calls stand in the order in which they were asked for. */
export interface MutationReport {
  /**
   * - `unchanged`: nothing was written
   * - `in-place`: bytes were written over, nothing was moved
   * - `rewritten`: a line had to grow, and the file is a new one
   */
  readonly mode: "unchanged" | "in-place" | "rewritten";
  /** The calls that now look as asked for, changed or found so. */
  readonly touched: readonly string[];
  /** The calls that the thread does not have. */
  readonly missing: readonly string[];
  readonly skipped: readonly SkippedEdit[];
  /** By how much less the thread is to the model, in bytes of JSON: negative if it grew. */
  readonly bytesFreed: number;
  /** Only if an estimate was asked for. */
  readonly cost: MutationCost | undefined;
  /** True if nothing was written because only a report was asked for. */
  readonly dryRun: boolean;
}

/** What is to be done in one file. */
export type MutationPlan = EditPlan<SkipReason>;
