import { Pauses } from "../find/pauses.ts";
import { fitLine, type LineChange, type PlannedLine } from "../json/replacement.ts";

/** An id that was found and not edited. */
export interface SkippedId<Reason extends string = string> {
  readonly id: string;
  /** For a program. */
  readonly reason: Reason;
  /** For a person. */
  readonly message: string;
}

/** What is to be done in one file. Nothing is written yet. */
export class EditPlan<Reason extends string = string> {
  /** The lines to edit, by their offset. */
  readonly lines = new Map<number, PlannedLine>();
  /** Ids that the file has, and that look as asked for once the plan is carried out. */
  readonly edited = new Set<string>();
  readonly skipped = new Map<string, SkippedId<Reason>>();

  /** Reports an id as not edited. What is planned for it stays; see `drop`. */
  skip(id: string, reason: Reason, message: string): void {
    this.edited.delete(id);
    if (!this.skipped.has(id)) this.skipped.set(id, { id, reason, message });
  }

  /** Takes ids out of the plan with all that was planned for them, and with those that share a value with them. */
  drop(ids: Iterable<string>, reason: Reason, message: string): void {
    const dropped = new Set(ids);
    if (dropped.size === 0) return;
    for (let size = -1; size !== dropped.size; ) {
      size = dropped.size;
      for (const line of this.lines.values())
        line.replacements = line.replacements.filter((replacement) => {
          if (!replacement.ids.some((id) => dropped.has(id))) return true;
          for (const id of replacement.ids) dropped.add(id);
          return false;
        });
    }
    for (const id of dropped) this.skip(id, reason, message);
  }

  /** The lines of which a byte is to change, by what is planned now. @throws TypeError if two replacements overlap. */
  async changes(): Promise<LineChange[]> {
    const pauses = new Pauses();
    const changes: LineChange[] = [];
    for (const line of this.lines.values()) {
      await pauses.pause();
      const change = fitLine(line);
      if (change !== undefined) changes.push(change);
    }
    return changes;
  }
}

export const idsOf = (changes: readonly LineChange[]): string[] => changes.flatMap(({ ids }) => ids);
