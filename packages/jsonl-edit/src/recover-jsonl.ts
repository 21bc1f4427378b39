import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { codexHomeOf, resolvedPath } from "./codex-home.ts";
import { asRolloutError, RolloutError } from "./errors.ts";
import { type Files, nodeFiles } from "./files.ts";
import { existing } from "./find-rollout.ts";
import { readJournal, replayJournal } from "./journal.ts";
import { acquireLock } from "./mutation-lock.ts";
import { foldersOf, sidecar } from "./sidecar.ts";

/**
 * - `clean`: no mutation was interrupted
 * - `replayed`: one was, and is finished now
 * - `dropped`: one was that had not changed anything yet, or the file is not the one that it was about; nothing was written
 */
export type Recovery = "clean" | "replayed" | "dropped";

export interface RecoverOptions {
  /** How long to wait for a mutation that is under way, in milliseconds. Default 5,000. */
  readonly waitMs?: number | undefined;
  /** Codex may have moved the rollout within it since. Default: the home that the file stands in. */
  readonly codexHome?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const DEFAULT_WAIT_MS = 5_000;
const POLL_MS = 5;

/**
 * Finishes what a crash interrupted in `mutateRollout`: afterwards the file is byte for byte as before that mutation or as after it.
 * Costs a few `stat` calls if there was no crash. `readRollout`, `followRollout` and `mutateRollout` call it; call it before
 * codex is started on a thread.
 *
 * @throws RolloutError `busy` if a mutation is under way and does not end in time; `not-permitted` and the like if what is to be
 * finished can't be written.
 */
export async function recoverRollout(path: string, options: RecoverOptions = {}): Promise<Recovery> {
  return recoverWith(nodeFiles, path, options);
}

export async function recoverWith(files: Files, path: string, options: RecoverOptions = {}): Promise<Recovery> {
  const { waitMs = DEFAULT_WAIT_MS, signal } = options;
  try {
    const codexHome = options.codexHome ?? codexHomeOf(path);
    const target = resolvedPath(existing(path) ?? path);
    // What a rollout left that stands elsewhere by now is found from there.
    if (existing(target) === undefined) return "clean";
    const deadline = performance.now() + waitMs;
    // What a mutation that is under way has there is no leftover, and gone when it ends.
    while (await hasLeftovers(files, target, codexHome)) {
      try {
        await using _lock = await acquireLock(files, sidecar(target, "lock"), { waitMs: 0, signal });
        return await recoverLocked(files, target, codexHome);
      } catch (error) {
        const isBusy = RolloutError.isInstance(error) && error.code === "busy";
        if (!isBusy || performance.now() >= deadline) throw error;
        await delay(POLL_MS, undefined, { signal });
      }
    }
    return "clean";
  } catch (error) {
    throw asRolloutError(error, path, "recover");
  }
}

/** For a reader: a mutation that is under way is none of its business, since it sees each line as before or as after it. */
export async function recoverBeforeReading(path: string, options: Omit<RecoverOptions, "waitMs"> = {}): Promise<void> {
  try {
    await recoverRollout(path, { ...options, waitMs: 0 });
  } catch (error) {
    if (!RolloutError.isInstance(error) || error.code !== "busy") throw error;
  }
}

async function hasLeftovers(files: Files, path: string, codexHome: string | undefined): Promise<boolean> {
  for (const folder of foldersOf(path, codexHome))
    for (const kind of ["redo", "new"] as const)
      if ((await files.stat(sidecar(path, kind, folder))) !== undefined) return true;
  return false;
}

/** The caller holds the lock. */
export async function recoverLocked(files: Files, path: string, codexHome: string | undefined): Promise<Recovery> {
  let recovery: Recovery = "clean";
  const plain = path.replace(/\.zst$/, "");
  for (const folder of foldersOf(path, codexHome)) {
    // A new file that was not put in its place yet: nothing was changed.
    const staged = sidecar(path, "new", folder);
    if ((await files.stat(staged)) !== undefined) {
      await files.unlink(staged);
      recovery = "dropped";
    }
    const redo = sidecar(path, "redo", folder);
    const journal = await readJournal(files, redo);
    if (journal === undefined) continue;
    // A rollout that codex has compressed or removed since can't be finished.
    const exists = (await files.stat(plain)) !== undefined;
    recovery = journal !== "torn" && exists && (await replayJournal(files, journal, plain)) ? "replayed" : "dropped";
    await files.unlink(redo);
    await files.syncDirectory(dirname(redo));
  }
  return recovery;
}
