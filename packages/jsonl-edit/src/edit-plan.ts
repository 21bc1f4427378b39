import type { SkippedEdit, SkipReason } from "./mutation-report.ts";
import type { PlannedLine } from "./replacement.ts";

/** What is to be done in one file. Nothing is written yet. */
export class MutationPlan {
  readonly lines = new Map<number, PlannedLine>();
  /** Calls that the file has, and that look as asked for once the plan is carried out. */
  readonly touched = new Set<string>();
  readonly skipped = new Map<string, SkippedEdit>();

  skip(callId: string, reason: SkipReason, message: string): void {
    this.touched.delete(callId);
    if (!this.skipped.has(callId)) this.skipped.set(callId, { callId, reason, message });
  }

  /** Takes calls out of the plan with all that was planned for them, and with those that share a text with them. */
  drop(callIds: Iterable<string>, reason: SkipReason, message: string): void {
    const dropped = new Set(callIds);
    for (let size = -1; size !== dropped.size; ) {
      size = dropped.size;
      for (const line of this.lines.values())
        line.replacements = line.replacements.filter((replacement) => {
          if (!replacement.callIds.some((callId) => dropped.has(callId))) return true;
          for (const callId of replacement.callIds) dropped.add(callId);
          return false;
        });
    }
    for (const callId of dropped) this.skip(callId, reason, message);
  }
}
