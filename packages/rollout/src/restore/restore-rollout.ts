import {
  type Files,
  type JsonlEditor,
  nodeFiles,
  Pauses,
  type PlannedLine,
  type SearchableFile,
} from "@plexum/jsonl-edit";
import { asRolloutError } from "../errors.ts";
import { codexHomeOf } from "../find/codex-home.ts";
import { dropShared } from "../mutate/drop-shared.ts";
import { editRolloutFile } from "../mutate/edit-rollout-file.ts";
import type { MutationPlan, MutationReport, SkippedEdit, SkipReason } from "../mutate/mutation-report.ts";
import { historyChain, readSessionMeta } from "../read/history-chain.ts";
import { readExactly } from "../read/open-rollout.ts";
import { lineHash, type UndoLine, type UndoRecord, UndoStore } from "./undo-store.ts";

export interface RestoreRolloutOptions {
  /** The folder in which the mutations saved the old values: their `undoFolder`. */
  readonly undoFolder: string;
  /**
   * Only report.
   * @default false
   */
  readonly dryRun?: boolean;
  /**
   * Also restore lines that another thread shows.
   * @default false
   */
  readonly allowOtherThreads?: boolean;
  /** The mutations' `codexHome`. Default: the home that the file is in. */
  readonly codexHome?: string;
  /**
   * How long to wait for a mutation of the same file, in milliseconds.
   * @default 5_000
   */
  readonly waitMs?: number;
  /** Aborts the restore, until writing begins. */
  readonly signal?: AbortSignal;
  /** Called with a message when saved values are damaged, or a file is set aside. Default: a process warning. */
  readonly onWarning?: (message: string) => void;
}

export interface RestoreReport extends Pick<MutationReport, "dryRun"> {
  readonly mode: "unchanged" | "in-place";
  /** The calls that look again as they did before the mutations, whether they were restored now or already. */
  readonly restored: readonly string[];
  readonly skipped: readonly SkippedEdit[];
}

/**
 * Restores what mutations with the same `undoFolder` replaced in a thread. Restores in place and byte for byte, and in each file
 * either everything or nothing. Skips lines that something else has changed since. Deletes the saved values that were restored.
 *
 * @throws RolloutError `not_found`, `busy`, `not_permitted`, `no_space`, `replaced`, `damaged`, `io`.
 */
export function restoreRollout(path: string, options: RestoreRolloutOptions): Promise<RestoreReport> {
  return restoreWith(nodeFiles, path, options);
}

/** Does the same with the given file operations. */
export async function restoreWith(files: Files, path: string, options: RestoreRolloutOptions): Promise<RestoreReport> {
  const { dryRun = false } = options;
  const codexHome = options.codexHome ?? codexHomeOf(path);
  const restored = new Set<string>();
  const skipped = new Map<string, SkippedEdit>();
  let mode: RestoreReport["mode"] = "unchanged";
  try {
    const segments = await historyChain(path, options);
    const askedThreadId = segments.at(-1)?.threadId ?? "";
    for (const segment of segments.toReversed()) {
      const store = new UndoStore(files, options.undoFolder, { ...options, rollout: segment.path, codexHome });
      const newEditor = () => new Restorer({ ...options, files, codexHome, askedThreadId }, store);
      const edited = await editRolloutFile({ ...options, files, codexHome }, segment.path, newEditor, (editor) =>
        editor.removeDone(),
      );
      if (edited === undefined) continue;
      const { plan } = edited.outcome;
      for (const id of plan.edited) restored.add(id);
      for (const [callId, { reason, message }] of plan.skipped)
        skipped.set(callId, { callId, reason: reason as SkipReason, message });
      if (!dryRun && edited.outcome.mode !== "unchanged") mode = "in-place";
    }
  } catch (error) {
    throw asRolloutError(error, path, "restore");
  }
  return { mode, restored: [...restored].filter((id) => !skipped.has(id)), skipped: [...skipped.values()], dryRun };
}

interface RestorerOptions extends Omit<RestoreRolloutOptions, "codexHome"> {
  readonly files: Files;
  readonly codexHome: string | undefined;
  readonly askedThreadId: string;
}

/** Plans to undo the mutations of one file, the last one first. */
class Restorer implements JsonlEditor<SkipReason> {
  readonly #options: RestorerOptions;
  readonly #store: UndoStore;
  #records: UndoRecord[] = [];
  #plan: MutationPlan | undefined;

  constructor(options: RestorerOptions, store: UndoStore) {
    this.#options = options;
    this.#store = store;
  }

  async plan(file: SearchableFile, plan: MutationPlan): Promise<void> {
    const pauses = new Pauses();
    this.#plan = plan;
    this.#records = await this.#store.load();
    const byLine = Map.groupBy(
      this.#records.flatMap(({ lines }) => lines),
      ({ offset }) => offset,
    );
    const changed = new Set<string>();
    for (const [, changes] of [...byLine].sort(([a], [b]) => a - b)) {
      await pauses.pause();
      this.#options.signal?.throwIfAborted();
      const ids = changes.flatMap((change) => change.ids);
      for (const id of ids) plan.edited.add(id);
      const line = await planUndo(file, changes);
      if (line === undefined) for (const id of ids) changed.add(id);
      else plan.lines.set(line.offset, line);
    }
    plan.drop(changed, "changed_since", "something else has changed its line since, or its saved values are damaged");
    const meta = await readSessionMeta(file);
    await dropShared(plan, { ...this.#options, path: file.path, ownThreadId: meta?.id ?? "" });
  }

  /** Deletes the saved values of all lines that are undone. */
  async removeDone(): Promise<void> {
    const isLeft = ({ ids }: UndoLine) => ids.some((id) => this.#plan?.skipped.has(id));
    for (const record of this.#records) await this.#store.reduce(record, isLeft);
  }
}

/**
 * Plans to undo the changes of one line, given the last one first. After a restore that was killed, or a mutation that was killed
 * before it wrote, the line has a state between two of the changes. So this begins with the change whose result the line has.
 *
 * @returns Undefined if the line matches no state before or after a change.
 */
async function planUndo(file: SearchableFile, changes: readonly UndoLine[]): Promise<PlannedLine | undefined> {
  const [{ offset, length } = { offset: 0, length: 0 }] = changes;
  if (offset + length > file.size) return undefined;
  const bytes = await readExactly(file.file, file.path, offset, length);
  let hash = lineHash(bytes);
  const last = changes.findIndex(({ before, after }) => hash === after || hash === before);
  if (last === -1) return undefined;
  const old = Buffer.from(bytes);
  const places: { start: number; end: number }[] = [];
  for (const { before, after, patches } of changes.slice(last)) {
    if (hash === before) continue;
    if (hash !== after) return undefined;
    for (const { start, text } of patches) {
      old.write(text, start);
      places.push({ start, end: start + Buffer.byteLength(text) });
    }
    hash = lineHash(old);
    if (hash !== before) return undefined;
  }
  const ids = [...new Set(changes.flatMap((change) => change.ids))];
  const replacements = joinOverlapping(places).map(({ start, end }) => ({
    span: { start, end },
    value: old.toString("utf8", start, end),
    ids,
  }));
  return { offset, bytes, replacements };
}

/** Joins places that overlap. */
function joinOverlapping(places: readonly { start: number; end: number }[]): { start: number; end: number }[] {
  const all: { start: number; end: number }[] = [];
  for (const { start, end } of places.toSorted((a, b) => a.start - b.start)) {
    const last = all.at(-1);
    if (last !== undefined && start < last.end) last.end = Math.max(last.end, end);
    else all.push({ start, end });
  }
  return all;
}
