import { basename } from "node:path";
import {
  type EditOutcome,
  type Files,
  idsOf,
  type JsonlEditor,
  JsonValue,
  type LineChange,
  lockJsonl,
  type RewriteGuard,
  type SearchableFile,
} from "@plexum/jsonl-edit";
import type { CallEdit } from "./call-edit.ts";
import { resolvedPath } from "./codex-home.ts";
import { findDependants } from "./dependants.ts";
import { typeOf } from "./edit-line.ts";
import { RolloutError } from "./errors.ts";
import { existing, findRolloutFile } from "./find-rollout.ts";
import { readSessionMeta } from "./history-chain.ts";
import { forgetHistoryIndex } from "./history-index.ts";
import type { MutateRolloutOptions } from "./mutate-rollout.ts";
import type { MutationPlan, MutationReport, SkipReason } from "./mutation-report.ts";
import { unpack } from "./open-rollout.ts";
import { planMutation } from "./plan-mutation.ts";
import type { SessionMeta } from "./rollout-line.ts";
import { parseRolloutName } from "./rollout-name.ts";
import { plainName, sidecarsOf } from "./sidecars.ts";
import { guardAgainstWriters } from "./writer-guard.ts";

/** What a whole mutation goes through the files with. */
export interface Mutation extends MutateRolloutOptions {
  readonly files: Files;
  /** The edits that are still to be made. */
  readonly wanted: ReadonlyMap<string, CallEdit>;
  readonly codexHome: string | undefined;
  /** The thread that was asked for. */
  threadId: string | undefined;
}

/** Where a thread's history goes on from. */
interface HistoryBase {
  readonly path: string;
  readonly end: number;
}

export interface FileOutcome {
  readonly plan: MutationPlan;
  readonly mode: MutationReport["mode"];
  readonly bytesFreed: number;
  readonly base: HistoryBase | undefined;
}

const DEFAULT_WAIT_MS = 5_000;
const DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024;

/**
 * Mutates one of the files that a thread's history stands in, up to where the next one goes on. Undefined if there is no such file.
 *
 * Codex brings a compressed rollout back as a plain file when it resumes its thread. So does this, if there is anything to change: as
 * a step of its own, after which the file is what it was.
 */
export async function mutateFile(mutation: Mutation, given: string, end: number): Promise<FileOutcome | undefined> {
  const { files, codexHome, waitMs, signal, onWarning, dryRun = false } = mutation;
  const place = resolvedPath(existing(given) ?? given);
  const before = await files.stat(place);
  if (before === undefined) return undefined;
  if (!before.isFile()) throw new RolloutError("not-a-file", place, `${place} is not a file; name a rollout file`);
  const plain = plainName(place);
  const lockOptions = { ...sidecarsOf(plain, codexHome), files, waitMs, signal, onWarning };
  await using locked = await lockJsonl(plain, lockOptions);
  // Whoever held the lock before may have brought a compressed one back.
  const path = existing(place) ?? place;
  if (path.endsWith(".zst")) {
    const editor = new RolloutEditor(mutation, end);
    const outcome = await locked.unpack({ path, chunks: unpack(path, signal) }, editor, { dryRun, signal });
    if (dryRun || outcome.mode === "unchanged") return editor.outcome(outcome);
  }
  const editor = new RolloutEditor(mutation, end);
  return editor.outcome(await locked.edit(editor, { dryRun, signal }));
}

/** Plans what is to be done in one file, and drops what must not be done. */
class RolloutEditor implements JsonlEditor<SkipReason> {
  readonly #mutation: Mutation;
  readonly #end: number;
  #plan: MutationPlan | undefined;
  #path = "";
  /** Of the thread that the file is of. */
  #threadId = "";
  #base: HistoryBase | undefined;

  /** @param end Where the part ends that the mutated thread shows. */
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
    await this.#dropShared(plan);
  }

  /** Drops what another thread shows too, and growing lines before a place that another file goes on from. */
  async #dropShared(plan: MutationPlan): Promise<void> {
    const { files, codexHome, threadId: asked, allowOtherThreads = false } = this.#mutation;
    if (this.#threadId !== asked && !allowOtherThreads) {
      const message = `the call stands in the history that this thread has from ${this.#threadId}`;
      plan.drop([...plan.edited], "other-thread", message);
      return;
    }
    const changes = await plan.changes();
    const grows = ({ grows }: LineChange) => grows;
    if (changes.length === 0 || (allowOtherThreads && !changes.some(grows))) return;
    const dependants = await findDependants(files, codexHome, this.#path, firstTime(changes));
    if (dependants.length === 0) return;
    for (const { threadId, end } of allowOtherThreads ? [] : dependants)
      if (threadId !== this.#threadId)
        plan.drop(idsBefore(changes, end), "other-thread", `thread ${threadId} goes on from there`);
    const grown = (await plan.changes()).filter(grows);
    for (const { path, end } of dependants) {
      const message = `${basename(path)} goes on from a place behind a line that has to grow`;
      plan.drop(idsBefore(grown, end), "shared-history", message);
    }
  }

  async guardRewrite(): Promise<RewriteGuard<SkipReason>> {
    const { codexHome, waitMs = DEFAULT_WAIT_MS, signal } = this.#mutation;
    const guard = await guardAgainstWriters(codexHome, this.#threadId, this.#path);
    const isFree = guard.state === "held" || guard.state === "checked";
    const why =
      guard.state === "active"
        ? "codex has the thread open"
        : "it can't be told here whether codex has the thread open";
    const rolloutId = parseRolloutName(basename(this.#path))?.rolloutId ?? this.#threadId;
    return {
      ...(isFree
        ? {}
        : { refusal: { reason: "writer-active", message: `a line has to grow for it, and ${why}` } as const }),
      beforeReplace: async () => {
        if (codexHome !== undefined)
          await forgetHistoryIndex(codexHome, [this.#threadId, rolloutId], { waitMs, signal });
      },
      [Symbol.asyncDispose]: () => guard[Symbol.asyncDispose](),
    };
  }

  outcome({ mode, changes }: Pick<EditOutcome, "mode" | "changes">): FileOutcome {
    if (this.#plan === undefined) throw new Error("nothing was planned");
    const seen = changes.filter(isSeenByModel);
    const bytesFreed = seen.reduce((sum, change) => sum + change.bytesFreed, 0);
    return { plan: this.#plan, mode, bytesFreed, base: this.#base };
  }
}

async function baseOf(codexHome: string | undefined, meta: SessionMeta | undefined): Promise<HistoryBase | undefined> {
  const base = meta?.history_base;
  const found = base && codexHome !== undefined ? await findRolloutFile(codexHome, base.thread_id) : undefined;
  return base && found ? { path: found.path, end: base.end_byte_offset } : undefined;
}

const isSeenByModel = ({ bytes }: LineChange) => typeOf(bytes) !== "event_msg";

const idsBefore = (changes: readonly LineChange[], end: number) => idsOf(changes.filter(({ offset }) => offset < end));

/** When the first of some lines was written, if each of them tells. */
function firstTime(changes: readonly LineChange[]): number | undefined {
  let first = Number.POSITIVE_INFINITY;
  for (const { bytes } of changes) {
    const time = Date.parse(JsonValue.of(bytes)?.get("timestamp")?.string ?? "");
    if (Number.isNaN(time)) return undefined;
    first = Math.min(first, time);
  }
  return first;
}
