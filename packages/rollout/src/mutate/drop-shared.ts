import { basename } from "node:path";
import { type Files, idsOf, type LineChange } from "@plexum/jsonl-edit";
import { findDependants } from "./dependants.ts";
import { headOf } from "./edit-line.ts";
import type { MutationPlan } from "./mutation-report.ts";

/** Drops what another thread shows too, and growing lines before a place that another file goes on from. */
export async function dropShared(
  plan: MutationPlan,
  options: {
    readonly files: Files;
    readonly codexHome: string | undefined;
    readonly path: string;
    /** Of the thread that the file is of. */
    readonly ownThreadId: string;
    /** Of the thread that was asked for. */
    readonly askedThreadId: string;
    readonly allowOtherThreads?: boolean | undefined;
  },
): Promise<void> {
  const { files, codexHome, path, ownThreadId, askedThreadId, allowOtherThreads = false } = options;
  if (ownThreadId !== askedThreadId && !allowOtherThreads) {
    const message = `the call stands in the history that this thread has from ${ownThreadId}`;
    plan.drop([...plan.edited], "other_thread", message);
    return;
  }
  const changes = await plan.changes();
  const grows = ({ grows }: LineChange) => grows;
  if (changes.length === 0 || (allowOtherThreads && !changes.some(grows))) return;
  const dependants = await findDependants(files, codexHome, path, firstTime(changes));
  if (dependants.length === 0) return;
  for (const { threadId, end } of allowOtherThreads ? [] : dependants)
    if (threadId !== ownThreadId)
      plan.drop(idsBefore(changes, end), "other_thread", `thread ${threadId} goes on from there`);
  const grown = (await plan.changes()).filter(grows);
  for (const { path, end } of dependants) {
    const message = `${basename(path)} goes on from a place behind a line that has to grow`;
    plan.drop(idsBefore(grown, end), "shared_history", message);
  }
}

const idsBefore = (changes: readonly LineChange[], end: number) => idsOf(changes.filter(({ offset }) => offset < end));

/** When the first of some lines was written, if each of them tells. */
function firstTime(changes: readonly LineChange[]): number | undefined {
  let first = Number.POSITIVE_INFINITY;
  for (const { bytes } of changes) {
    const time = Date.parse(headOf(bytes).timestamp ?? "");
    if (Number.isNaN(time)) return undefined;
    first = Math.min(first, time);
  }
  return first;
}
