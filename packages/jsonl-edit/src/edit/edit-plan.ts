import { Pauses } from "../find/pauses.ts";
import { fitLine, type LineChange, type PlannedLine } from "../json/replacement.ts";

/** An id that was found but not edited. */
export interface SkippedId<Reason extends string = string> {
  readonly id: string;
  /** The reason, for programs. */
  readonly reason: Reason;
  /** The reason, for the user. */
  readonly message: string;
}

/** The planned edit of one file. Nothing is written yet. */
export class EditPlan<Reason extends string = string> {
  /** The lines to edit, by their offset. */
  readonly lines = new Map<number, PlannedLine>();
  /** Ids that the file contains, and that have the new values once the plan is carried out. */
  readonly edited = new Set<string>();
  /** Ids that the file contains, but that are not edited. */
  readonly skipped = new Map<string, SkippedId<Reason>>();

  /** Removes everything from the plan, so that it can be planned again. */
  clear(): void {
    this.lines.clear();
    this.edited.clear();
    this.skipped.clear();
  }

  /** Reports an id as not edited. Keeps its planned replacements; see `drop`. */
  skip(id: string, reason: Reason, message: string): void {
    this.edited.delete(id);
    if (!this.skipped.has(id)) this.skipped.set(id, { id, reason, message });
  }

  /** Removes ids from the plan, with their replacements and with the ids that share a value with them. */
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

  /**
   * Returns the lines in which at least one byte is to change under the current plan.
   * @throws TypeError if two replacements overlap.
   */
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

/** Returns the ids for which some lines change. */
export const idsOf = (changes: readonly LineChange[]): string[] => changes.flatMap(({ ids }) => ids);
