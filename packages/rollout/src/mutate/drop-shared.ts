import { basename } from "node:path";
import { type Files, idsOf, type LineChange } from "@plexum/jsonl-edit";
import { findDependents } from "./dependents.ts";
import { headOf } from "./edit-line.ts";
import type { MutationPlan } from "./mutation-report.ts";

/** Drops edits of lines that another thread shows, and of growing lines before a point from which another file continues. */
export async function dropShared(
  plan: MutationPlan,
  options: {
    readonly files: Files;
    readonly codexHome: string | undefined;
    readonly path: string;
    /** The thread to which the file belongs. */
    readonly ownThreadId: string;
    /** The thread that the caller named. */
    readonly askedThreadId: string;
    readonly allowOtherThreads?: boolean | undefined;
  },
): Promise<void> {
  const { files, codexHome, path, ownThreadId, askedThreadId, allowOtherThreads = false } = options;
  if (ownThreadId !== askedThreadId && !allowOtherThreads) {
    const message = `the call is in the history that this thread shares with thread ${ownThreadId}`;
    plan.drop([...plan.edited], "other_thread", message);
    return;
  }
  const changes = await plan.changes();
  const grows = ({ grows }: LineChange) => grows;
  if (changes.length === 0 || (allowOtherThreads && !changes.some(grows))) return;
  const dependents = await findDependents(files, codexHome, path, firstTime(changes));
  if (dependents.length === 0) return;
  for (const { threadId, end } of allowOtherThreads ? [] : dependents)
    if (threadId !== ownThreadId)
      plan.drop(idsBefore(changes, end), "other_thread", `thread ${threadId} shows the call too`);
  const grown = (await plan.changes()).filter(grows);
  for (const { path, end } of dependents) {
    const message = `${basename(path)} continues this file from a point after a line that has to grow`;
    plan.drop(idsBefore(grown, end), "shared_history", message);
  }
}

const idsBefore = (changes: readonly LineChange[], end: number) => idsOf(changes.filter(({ offset }) => offset < end));

/** Returns when the first of some lines was written. Returns undefined if one of them has no time. */
function firstTime(changes: readonly LineChange[]): number | undefined {
  let first = Number.POSITIVE_INFINITY;
  for (const { bytes } of changes) {
    const time = Date.parse(headOf(bytes).timestamp ?? "");
    if (Number.isNaN(time)) return undefined;
    first = Math.min(first, time);
  }
  return first;
}
