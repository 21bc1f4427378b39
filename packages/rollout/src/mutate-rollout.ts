import type { BigIntStats } from "node:fs";
import { basename } from "node:path";
import { type GrownLine, patchInPlace, putInPlace, writeGrown } from "./apply-mutation.ts";
import type { CallEdit } from "./call-edit.ts";
import { codexHomeOf, resolvedPath } from "./codex-home.ts";
import { type Dependant, findDependants } from "./dependants.ts";
import { topLevel } from "./edit-line.ts";
import { asRolloutError, RolloutError } from "./errors.ts";
import { type Files, nodeFiles, type OpenFile } from "./files.ts";
import { existing, findRolloutFile } from "./find-rollout.ts";
import { MAX_SEGMENTS, readSessionMeta, tooManySegments } from "./history-chain.ts";
import { forgetHistoryIndex } from "./history-index.ts";
import type { PatchedLine } from "./journal.ts";
import { lastMember, stringAt } from "./json-scan.ts";
import { acquireLock } from "./mutation-lock.ts";
import type { MutationPlan } from "./mutation-plan.ts";
import type { MutationReport } from "./mutation-report.ts";
import { unpack } from "./open-rollout.ts";
import { planMutation } from "./plan-mutation.ts";
import { DEFAULT_WAIT_MS, recoverLocked } from "./recover-rollout.ts";
import { fitLine, type PlannedLine } from "./replacement.ts";
import type { SessionMeta } from "./rollout-line.ts";
import { parseRolloutName } from "./rollout-name.ts";
import { sidecar } from "./sidecar.ts";
import { guardAgainstWriters } from "./writer-guard.ts";

export interface MutateRolloutOptions {
  /**
   * Edit the copies too that codex keeps for its own display: its `thread/read` and its desktop app show the new text then, once
   * they derive it anew. The model never sees them. Default false.
   */
  readonly scrubDisplayCopies?: boolean;
  /** Only report. Default false. */
  readonly dryRun?: boolean;
  /** Edit lines too that stand in, or are shown by, another thread: the parent or the forks of this one. Default false. */
  readonly allowOtherThreads?: boolean;
  /** For model providers that use a call id again in the same thread: edit every call of that id, which reads the whole file. Default false. */
  readonly repeatedIds?: boolean;
  /** By `exec-<uuid>`: the id of the outer response item (`ctc_…`), as `_meta.itemId` tells an MCP server. Where it is missing, the order of the lines tells. */
  readonly nestedCalls?: ReadonlyMap<string, string>;
  /** Where forks and parents are looked for. Default: the home that the file stands in, by its path as given, else by where links lead. */
  readonly codexHome?: string;
  /** How long to wait for another mutation of the same file, and for codex to let go of its index, in milliseconds. Default 5,000. */
  readonly waitMs?: number;
  /** A longer line is not edited. In bytes; default 64 MiB. */
  readonly maxLineBytes?: number;
  /** Takes effect until writing begins. */
  readonly signal?: AbortSignal;
}

const DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024;

/**
 * Changes what the model sees of earlier tool calls when the thread is resumed. Nothing else changes: in place, not a byte moves.
 * Of two edits of one call the later counts. No file, or no such call, is no error.
 *
 * A codex that has the thread loaded does not notice before it loads it again. A thread whose history stands in several files is
 * edited file by file, each of them as a whole or not at all.
 *
 * @throws RolloutError `busy` if another mutation does not end in time, `not-permitted`, `no-space`, `replaced`, `not-a-file`, `damaged`, `io`.
 */
export function mutateRollout(
  path: string,
  edits: Iterable<CallEdit>,
  options: MutateRolloutOptions = {},
): Promise<MutationReport> {
  return mutateWith(nodeFiles, path, edits, options);
}

/** What the whole mutation goes through the files with. */
interface Mutation extends MutateRolloutOptions {
  readonly files: Files;
  readonly wanted: Map<string, CallEdit>;
  readonly codexHome: string | undefined;
  /** The thread that was asked for. */
  threadId: string | undefined;
}

interface FileOutcome {
  readonly plan: MutationPlan;
  readonly mode: MutationReport["mode"];
  readonly bytesFreed: number;
  /** Where the thread's history goes on from. */
  readonly base: { readonly path: string; readonly end: number } | undefined;
}

export async function mutateWith(
  files: Files,
  path: string,
  edits: Iterable<CallEdit>,
  options: MutateRolloutOptions = {},
): Promise<MutationReport> {
  const wanted = new Map<string, CallEdit>();
  for (const edit of edits) wanted.set(edit.callId, wellFormed(edit));
  const asked = [...wanted.keys()];
  const outcomes: FileOutcome[] = [];
  try {
    // By the path as it was given: the folder that it leads to may have any name.
    const codexHome = options.codexHome ?? codexHomeOf(path);
    const mutation: Mutation = { ...options, files, wanted, codexHome, threadId: undefined };
    for (let next: FileOutcome["base"] = { path, end: Number.POSITIVE_INFINITY }; next && wanted.size > 0; ) {
      const outcome = await mutateFile(mutation, next.path, next.end);
      if (outcome === undefined) break;
      outcomes.push(outcome);
      if (outcomes.length > MAX_SEGMENTS) throw tooManySegments(path);
      for (const callId of [...outcome.plan.touched, ...outcome.plan.skipped.keys()]) wanted.delete(callId);
      next = outcome.base;
    }
  } catch (error) {
    throw asRolloutError(error, path, "mutate");
  }
  const modes = outcomes.map(({ mode }) => mode);
  const touched = new Set(outcomes.flatMap(({ plan }) => [...plan.touched]));
  const skipped = new Map(outcomes.flatMap(({ plan }) => [...plan.skipped]));
  return {
    mode: options.dryRun
      ? "unchanged"
      : ((["rewritten", "in-place"] as const).find((mode) => modes.includes(mode)) ?? "unchanged"),
    touched: asked.filter((callId) => touched.has(callId)),
    missing: [...wanted.keys()],
    skipped: asked.flatMap((callId) => skipped.get(callId) ?? []),
    bytesFreed: outcomes.reduce((sum, outcome) => sum + outcome.bytesFreed, 0),
    dryRun: options.dryRun ?? false,
  };
}

/** Codex drops a line that has half of a surrogate pair in it (0.135, 0.169), and the model sees the call as aborted: the half goes. */
const wellFormed = (edit: CallEdit): CallEdit => ({
  ...edit,
  output: edit.output?.toWellFormed(),
  arguments: edit.arguments?.toWellFormed(),
});

/** Undefined if there is no such file. */
async function mutateFile(mutation: Mutation, given: string, end: number): Promise<FileOutcome | undefined> {
  const { files, waitMs = DEFAULT_WAIT_MS, signal } = mutation;
  const place = resolvedPath(existing(given) ?? given);
  const before = await files.stat(place);
  if (before === undefined) return undefined;
  if (!before.isFile()) throw new RolloutError("not-a-file", place, `${place} is not a file; name a rollout file`);
  await using _lock = await acquireLock(files, sidecar(place, "lock"), { waitMs, signal });
  await recoverLocked(files, place, mutation.codexHome);
  // Whoever held the lock before may have brought a compressed one back.
  const path = existing(place) ?? place;
  // Awaited here: the lock is held until then.
  return await (path.endsWith(".zst") ? mutateCompressed(mutation, path, end) : mutatePlain(mutation, path, end));
}

/**
 * Codex brings a compressed rollout back as a plain file when it resumes its thread. So does this, if there is anything to
 * change: as a step of its own, after which the file is what it was.
 */
async function mutateCompressed(mutation: Mutation, path: string, end: number): Promise<FileOutcome> {
  const { files, signal } = mutation;
  const old = await files.stat(path);
  if (old === undefined) throw new RolloutError("replaced", path, `${path} was removed while it was being read`);
  const staged = sidecar(path, "new");
  try {
    const copy = await files.open(staged, "wx+", 0o600);
    try {
      let size = 0;
      for await (const chunk of unpack(path, signal)) {
        await copy.write(chunk, 0, chunk.length, size);
        size += chunk.length;
      }
      await copy.sync();
      const outcome = await mutateOpen(mutation, copy, path, await copy.stat(), end, true);
      if (mutation.dryRun || outcome.mode === "unchanged") return outcome;
    } finally {
      await copy.close();
    }
    const plain = path.replace(/\.zst$/, "");
    await putInPlace(files, staged, path, plain, old);
    await files.unlink(path);
    return await mutatePlain(mutation, plain, end);
  } finally {
    await files.unlink(staged);
  }
}

async function mutatePlain(mutation: Mutation, path: string, end: number): Promise<FileOutcome> {
  const file = await mutation.files.open(path, "r");
  try {
    return await mutateOpen(mutation, file, path, await file.stat(), end);
  } finally {
    await file.close();
  }
}

/** Plans what is to be done in an open file, drops what must not be done, and does the rest. In a dry run `mode` says what it would do. */
async function mutateOpen(
  mutation: Mutation,
  file: OpenFile,
  path: string,
  stat: BigIntStats,
  end: number,
  dryRun = mutation.dryRun ?? false,
): Promise<FileOutcome> {
  const { files, codexHome, waitMs = DEFAULT_WAIT_MS, allowOtherThreads = false, signal } = mutation;
  const size = Number(stat.size);
  const plan = await planMutation(file, path, Math.min(end, size), mutation.wanted, {
    displayCopies: mutation.scrubDisplayCopies ?? false,
    repeatedIds: mutation.repeatedIds ?? false,
    nestedCalls: mutation.nestedCalls ?? new Map(),
    maxLineBytes: mutation.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES,
    signal,
  });
  const meta = await readSessionMeta({ path, file, size });
  const threadId = meta?.id ?? "";
  mutation.threadId ??= threadId;
  const isMissingSome = [...mutation.wanted.keys()].some((id) => !plan.touched.has(id) && !plan.skipped.has(id));
  const base = isMissingSome && codexHome !== undefined ? await baseOf(codexHome, meta) : undefined;
  const outcome = { plan, base };

  let fitted = fit(plan);
  let dependants: Dependant[] = [];
  if (threadId !== mutation.threadId && !allowOtherThreads)
    plan.drop(
      [...plan.touched],
      "other-thread",
      `the call stands in the history that this thread has from ${threadId}`,
    );
  else if (fitted.changed.length > 0 && (!allowOtherThreads || fitted.grown.length > 0)) {
    dependants = await findDependants(files, codexHome, path, firstTime(fitted.changed));
    for (const { threadId: other, end } of allowOtherThreads ? [] : dependants)
      if (other !== threadId)
        plan.drop(callsBefore(fitted.changed, end), "other-thread", `thread ${other} goes on from there`);
  }
  fitted = fit(plan);
  for (const { path: other, end } of dependants)
    plan.drop(
      callsBefore(fitted.grownLines, end),
      "shared-history",
      `${basename(other)} goes on from a place behind a line that has to grow`,
    );
  fitted = fit(plan);
  if (fitted.grown.length > 0) {
    await using guard = await guardAgainstWriters(codexHome, threadId, path);
    if (guard.state === "held" || guard.state === "checked") {
      const { bytesFreed } = fitted;
      if (!dryRun) {
        signal?.throwIfAborted();
        const staged = await writeGrown(files, path, file, size, fitted.grown);
        try {
          const rolloutId = parseRolloutName(basename(path))?.rolloutId ?? threadId;
          if (codexHome !== undefined) await forgetHistoryIndex(codexHome, [threadId, rolloutId], { waitMs, signal });
          await putInPlace(files, staged, path, path, stat);
        } catch (error) {
          await files.unlink(staged);
          throw error;
        }
      }
      return { ...outcome, mode: "rewritten", bytesFreed };
    }
    const why =
      guard.state === "active"
        ? "codex has the thread open"
        : "it can't be told here whether codex has the thread open";
    plan.drop(callsOf(fitted.grownLines), "writer-active", `a line has to grow for it, and ${why}`);
    fitted = fit(plan);
  }
  const { bytesFreed, patched } = fitted;
  if (patched.length === 0) return { ...outcome, mode: "unchanged", bytesFreed };
  signal?.throwIfAborted();
  if (!dryRun) await patchInPlace(files, path, stat, patched);
  return { ...outcome, mode: "in-place", bytesFreed };
}

async function baseOf(codexHome: string, meta: SessionMeta | undefined): Promise<FileOutcome["base"]> {
  const base = meta?.history_base;
  const found = base && (await findRolloutFile(codexHome, base.thread_id));
  return base && found ? { path: found.path, end: base.end_byte_offset } : undefined;
}

interface Fitted {
  /** Lines of which a byte is to change. */
  readonly changed: PlannedLine[];
  /** Those of them that are too short for it. */
  readonly grownLines: PlannedLine[];
  readonly patched: PatchedLine[];
  /** All lines to change, if any of them has to grow. */
  readonly grown: GrownLine[];
  readonly bytesFreed: number;
}

function fit(plan: MutationPlan): Fitted {
  const changed: PlannedLine[] = [];
  const grownLines: PlannedLine[] = [];
  const patched: PatchedLine[] = [];
  const rewritten: GrownLine[] = [];
  let bytesFreed = 0;
  for (const line of plan.lines.values()) {
    const fitted = fitLine(line.bytes, line.offset, line.replacements);
    if (fitted.fits && fitted.patches.length === 0) continue;
    changed.push(line);
    if (isSeenByModel(line)) bytesFreed += fitted.bytesFreed;
    if (fitted.fits) patched.push({ ...line, patches: fitted.patches });
    else grownLines.push(line);
    rewritten.push({ offset: line.offset, oldLength: line.bytes.length, bytes: fitted.line });
  }
  return { changed, grownLines, patched, grown: grownLines.length > 0 ? rewritten : [], bytesFreed };
}

const isSeenByModel = ({ bytes }: PlannedLine) => stringAt(bytes, lastMember(topLevel(bytes), "type")) !== "event_msg";

const callsOf = (lines: readonly PlannedLine[]) =>
  lines.flatMap((line) => line.replacements.flatMap((replacement) => replacement.callIds));

const callsBefore = (lines: readonly PlannedLine[], end: number) => callsOf(lines.filter((line) => line.offset < end));

/** When the first of some lines was written, if each of them tells. */
function firstTime(lines: readonly PlannedLine[]): number | undefined {
  const times = lines.map(({ bytes }) => Date.parse(stringAt(bytes, lastMember(topLevel(bytes), "timestamp")) ?? ""));
  const first = Math.min(...times);
  return Number.isNaN(first) ? undefined : first;
}
