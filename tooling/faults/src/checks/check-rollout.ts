import { outputIdOf, type RolloutSnapshot } from "../host/rollout-snapshot.ts";
import type { Violation } from "./violation.ts";

export interface RolloutExpectation {
  /** Its content at the last check; undefined the first time. */
  readonly before: RolloutSnapshot | undefined;
  /** The calls that a mutation was asked to change since then. */
  readonly mutated: ReadonlySet<string>;
  /** In code mode: the scripts whose outputs it was asked to change, since they passed on results of such calls. */
  readonly mutatedOutputs?: ReadonlySet<string>;
  /** Whether codex may have been unable to write a whole line: the disk was full. */
  readonly mayBeTorn: boolean;
}

/** Checks that each line of a rollout is whole, in its place and unchanged. */
export function checkRollout(now: RolloutSnapshot, expected: RolloutExpectation): Violation[] {
  const { before, mutated, mutatedOutputs, mayBeTorn } = expected;
  const found: Violation[] = [];
  const report = (what: string) => found.push({ invariant: "rollout", what });
  if (!mayBeTorn) {
    for (const [index, record] of now.records.entries()) {
      if (record === undefined) report(`line ${index + 1} is torn: ${excerpt(now.lines[index])}`);
    }
    if (now.rest !== "") report(`the last line has no end: ${excerpt(now.rest)}`);
    checkOrdinals(now, report);
  }
  if (before === undefined) return found;
  if (now.lines.length < before.lines.length)
    report(`${before.lines.length - now.lines.length} of ${before.lines.length} lines are lost`);
  for (const [index, line] of before.lines.entries()) {
    const next = now.lines[index];
    if (next === undefined || next === line) continue;
    const isOutputToChange = mutatedOutputs?.has(outputIdOf(before.records[index]) ?? "") ?? false;
    if (!isOutputToChange && ![...mutated].some((id) => line.includes(id)))
      report(`line ${index + 1} changed, although no mutation was to change it: ${excerpt(line)} is ${excerpt(next)}`);
  }
  return found;
}

/** From 0.148 each line of a paginated rollout has its number. */
function checkOrdinals({ records }: RolloutSnapshot, report: (what: string) => void): void {
  let last: number | undefined;
  for (const [index, record] of records.entries()) {
    const ordinal = record?.ordinal;
    if (typeof ordinal !== "number") continue;
    if (last !== undefined && ordinal !== last + 1) {
      report(`line ${index + 1} has the ordinal ${ordinal}, but the line before it has ${last}`);
      return;
    }
    last = ordinal;
  }
}

const excerpt = (line: string | undefined) => JSON.stringify(line?.slice(0, 120));
