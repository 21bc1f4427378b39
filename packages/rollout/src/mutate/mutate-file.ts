import { basename } from "node:path";
import type { EditOutcome, Files, JsonlEditor, LineChange, RewriteGuard, SearchableFile } from "@plexum/jsonl-edit";
import { homesOfRollout } from "../find/codex-home.ts";
import { findRolloutFile } from "../find/find-rollout.ts";
import { parseRolloutName } from "../find/rollout-name.ts";
import { readSessionMeta } from "../read/history-chain.ts";
import type { SessionMeta } from "../read/rollout-line.ts";
import { UndoStore } from "../restore/undo-store.ts";
import type { CallEdit } from "./call-edit.ts";
import { dropShared } from "./drop-shared.ts";
import { typeOf } from "./edit-line.ts";
import { editRolloutFile } from "./edit-rollout-file.ts";
import { estimateCost, type MutationCost } from "./estimate-cost.ts";
import { forgetHistoryIndex } from "./history-index.ts";
import type { MutateRolloutOptions } from "./mutate-rollout.ts";
import type { MutationPlan, MutationReport, SkipReason } from "./mutation-report.ts";
import { planMutation } from "./plan-mutation.ts";
import { guardAgainstWriters } from "./writer-guard.ts";

/** The state of a mutation, for all files of a thread. */
export interface Mutation extends MutateRolloutOptions {
  readonly files: Files;
  /** The edits that are still to be made. */
  readonly wanted: ReadonlyMap<string, CallEdit>;
  readonly codexHome: string | undefined;
  /** The thread that the caller named. Undefined until its file is read. */
  threadId: string | undefined;
}

/** The file that a thread's history continues, and the offset at which its part ends. */
interface HistoryBase {
  readonly path: string;
  readonly end: number;
}

export interface FileOutcome {
  readonly plan: MutationPlan;
  readonly mode: MutationReport["mode"];
  readonly bytesFreed: number;
  readonly cost: MutationCost | undefined;
  readonly base: HistoryBase | undefined;
}

const DEFAULT_WAIT_MS = 5_000;
const DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024;

/**
 * Mutates one of the files that contain a thread's history. Returns undefined if there is no such file.
 * @param end The offset from which the next file continues.
 */
export async function mutateFile(mutation: Mutation, given: string, end: number): Promise<FileOutcome | undefined> {
  const edited = await editRolloutFile(mutation, given, () => new RolloutEditor(mutation, end));
  return edited?.editor.outcome(edited.outcome);
}

/** Plans the edits of one file, and drops those that are not allowed. */
class RolloutEditor implements JsonlEditor<SkipReason> {
  readonly #mutation: Mutation;
  readonly #end: number;
  #plan: MutationPlan | undefined;
  #path = "";
  /** The thread to which the file belongs. */
  #threadId = "";
  #base: HistoryBase | undefined;
  #cost: MutationCost | undefined;

  /** @param end The offset at which the part ends that the mutated thread shows. */
  constructor(mutation: Mutation, end: number) {
    this.#mutation = mutation;
    this.#end = end;
  }

  async plan(file: SearchableFile, plan: MutationPlan): Promise<void> {
    const mutation = this.#mutation;
    await planMutation(file, plan, Math.min(this.#end, file.size), mutation.wanted, {
      displayCopies: mutation.scrubDisplayCopies ?? false,
      repeatedIds: mutation.repeatedIds ?? false,
      nestedCalls: mutation.nestedCalls ?? new Map(),
      places: mutation.places,
      maxLineBytes: mutation.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES,
      signal: mutation.signal,
    });
    const meta = await readSessionMeta(file);
    this.#plan = plan;
    this.#path = file.path;
    this.#threadId = meta?.id ?? "";
    mutation.threadId ??= this.#threadId;
    const isMissingSome = [...mutation.wanted.keys()].some((id) => !plan.edited.has(id) && !plan.skipped.has(id));
    this.#base = isMissingSome ? await baseOf(mutation.codexHome, meta) : undefined;
    await dropShared(plan, {
      ...mutation,
      path: file.path,
      ownThreadId: this.#threadId,
      askedThreadId: mutation.threadId,
    });
    if (mutation.estimate)
      this.#cost = await estimateCost(file, Math.min(this.#end, file.size), await plan.changes(), mutation);
  }

  /** Saves the old values, so that they exist whenever the new ones do. */
  async beforeWrite(changes: readonly LineChange[]): Promise<void> {
    const { files, undoFolder, codexHome, onWarning } = this.#mutation;
    if (undoFolder !== undefined)
      await new UndoStore(files, undoFolder, { rollout: this.#path, codexHome, onWarning }).keep(changes);
  }

  async guardRewrite(): Promise<RewriteGuard<SkipReason>> {
    const { codexHome, waitMs = DEFAULT_WAIT_MS, signal, undoFolder } = this.#mutation;
    if (undoFolder !== undefined) return NO_UNDO;
    const homes = homesOfRollout(codexHome, this.#path);
    const guard = await guardAgainstWriters(homes, this.#threadId, this.#path);
    const isFree = guard.state === "held" || guard.state === "checked";
    const why =
      guard.state === "active"
        ? "codex has the thread open"
        : "this system can't determine whether codex has the thread open";
    const rolloutId = parseRolloutName(basename(this.#path))?.rolloutId ?? this.#threadId;
    return {
      ...(isFree
        ? {}
        : { refusal: { reason: "writer_active", message: `a line has to grow for this edit, and ${why}` } as const }),
      beforeReplace: async () => {
        for (const home of homes) await forgetHistoryIndex(home, [this.#threadId, rolloutId], { waitMs, signal });
      },
      [Symbol.asyncDispose]: () => guard[Symbol.asyncDispose](),
    };
  }

  outcome({ mode, changes }: Pick<EditOutcome, "mode" | "changes">): FileOutcome {
    if (this.#plan === undefined) throw new Error("nothing was planned");
    const seen = changes.filter(isSeenByModel);
    const bytesFreed = seen.reduce((sum, change) => sum + change.bytesFreed, 0);
    return { plan: this.#plan, mode, bytesFreed, cost: this.#cost, base: this.#base };
  }
}

/** With `undoFolder`, no line may grow: in a new file the lines are at other offsets. */
const NO_UNDO: RewriteGuard<SkipReason> = {
  refusal: {
    reason: "has_to_grow",
    message: "the new text is longer than its line allows, and a file that is rewritten for it could not be restored",
  },
  async [Symbol.asyncDispose]() {},
};

async function baseOf(codexHome: string | undefined, meta: SessionMeta | undefined): Promise<HistoryBase | undefined> {
  const base = meta?.history_base;
  const found = base && codexHome !== undefined ? await findRolloutFile(codexHome, base.thread_id) : undefined;
  return base && found ? { path: found.path, end: base.end_byte_offset } : undefined;
}

const isSeenByModel = ({ bytes }: LineChange) => typeOf(bytes) !== "event_msg";
