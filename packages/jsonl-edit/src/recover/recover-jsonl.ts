import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readJournal, replayJournal } from "../edit/journal.ts";
import { asJsonlEditError, JsonlEditError } from "../errors.ts";
import { type Files, nodeFiles } from "../files.ts";
import { acquireLock, isAbandonedDraft, isDraft, isHeld } from "../lock/lock-file.ts";
import { DEFAULT_WAIT_MS, type LockJsonlOptions, resolvedPath } from "../lock/lock-options.ts";
import { processWarning, setAside, type Warn } from "../lock/set-aside.ts";
import { Sidecars } from "../lock/sidecar.ts";

/**
 * - `clean`: no edit was interrupted
 * - `replayed`: an edit was interrupted, and is finished now
 * - `dropped`: an edit was interrupted, and nothing was written: it had not changed anything yet, or the file is another one
 */
export type Recovery = "clean" | "replayed" | "dropped";

export interface RecoverJsonlOptions extends LockJsonlOptions {
  /** Another path at which the file may be, such as that of its compressed form. An interrupted edit is then dropped. */
  readonly otherForm?: string | undefined;
}

/**
 * Finishes an edit of a file that a crash interrupted. Afterwards the file is byte for byte as before that edit or as after it.
 * Removes leftovers of a killed editor beside the file, including locks. Costs a listing of the file's folder if there was no crash.
 * Call it before a program that does not know about edits reads the file. A missing file is `clean`, and nothing is removed.
 *
 * @throws JsonlEditError `busy` if a running edit does not end in time; `not_permitted` and the like if the edit can't be finished.
 */
export async function recoverJsonl(path: string, options: RecoverJsonlOptions = {}): Promise<Recovery> {
  const { onWarning: warn = processWarning, files = nodeFiles, signal } = options;
  try {
    const target = resolvedPath(path);
    if (!(await exists(files, target, options))) return "clean";
    const sidecars = new Sidecars(target, options);
    const recovery = await recover(files, target, sidecars, options);
    await removeDeadLocks(files, sidecars.path("lock"), warn, signal);
    return recovery;
  } catch (error) {
    throw asJsonlEditError(error, path, "recover");
  }
}

/**
 * Does the same for a reader of the file, in a few `stat` calls. It does not wait for a running edit, since the reader sees each line
 * as before the edit or as after it.
 *
 * @throws JsonlEditError `not_permitted` and the like if an interrupted edit can't be finished.
 */
export async function recoverBeforeReading(
  path: string,
  options: Omit<RecoverJsonlOptions, "waitMs"> = {},
): Promise<void> {
  const { files = nodeFiles } = options;
  try {
    const target = resolvedPath(path);
    if (await exists(files, target, options))
      await recover(files, target, new Sidecars(target, options), { ...options, waitMs: 0 });
  } catch (error) {
    if (!JsonlEditError.isInstance(error) || error.code !== "busy") throw asJsonlEditError(error, path, "recover");
  }
}

async function exists(files: Files, path: string, { otherForm }: RecoverJsonlOptions): Promise<boolean> {
  if ((await files.stat(path)) !== undefined) return true;
  return otherForm !== undefined && (await files.stat(otherForm)) !== undefined;
}

async function recover(files: Files, path: string, sidecars: Sidecars, options: LockJsonlOptions): Promise<Recovery> {
  const { waitMs = DEFAULT_WAIT_MS, signal, onWarning: warn = processWarning } = options;
  const deadline = performance.now() + waitMs;
  // The files of a running edit are not leftovers, and disappear when it ends.
  while (await hasLeftovers(files, sidecars)) {
    try {
      await using _lock = await acquireLock(files, sidecars.path("lock"), { waitMs: 0, signal, warn });
      return await recoverLocked(files, path, sidecars, warn);
    } catch (error) {
      const isBusy = JsonlEditError.isInstance(error) && error.code === "busy";
      if (!isBusy || performance.now() >= deadline) throw error;
      await delay(POLL_MS, undefined, { signal });
    }
  }
  return "clean";
}

const POLL_MS = 5;

/** Returns whether an edit was interrupted, or is running. */
async function hasLeftovers(files: Files, sidecars: Sidecars): Promise<boolean> {
  for (const folder of sidecars.folders)
    for (const kind of ["redo", "new"] as const)
      if ((await files.lstat(sidecars.path(kind, folder))) !== undefined) return true;
  return false;
}

/** Finishes an interrupted edit, or drops it. The caller holds the lock. */
export async function recoverLocked(files: Files, path: string, sidecars: Sidecars, warn: Warn): Promise<Recovery> {
  let recovery: Recovery = "clean";
  for (const folder of sidecars.folders) {
    // A new file that was not moved into place yet: nothing was changed.
    const staged = sidecars.path("new", folder);
    const stat = await files.lstat(staged);
    if (stat?.isFile()) {
      await files.unlink(staged);
      recovery = "dropped";
    } else if (stat !== undefined) await setAside(files, staged, "the new file of an edit", warn);
    const redo = sidecars.path("redo", folder);
    const journal = await readJournal(files, redo);
    if (journal === undefined) continue;
    if (journal === "foreign") {
      await setAside(files, redo, "the journal of an edit", warn);
      continue;
    }
    // The edit of a file that no longer exists can't be finished.
    const exists = (await files.stat(path)) !== undefined;
    recovery = journal !== "torn" && exists && (await replayJournal(files, journal, path)) ? "replayed" : "dropped";
    await files.unlink(redo);
    await files.syncDirectory(dirname(redo));
  }
  return recovery;
}

/** Removes dead locks of killed processes: the lock, the locks for taking it over, and drafts of them. */
async function removeDeadLocks(files: Files, lock: string, warn: Warn, signal?: AbortSignal): Promise<void> {
  const folder = dirname(lock);
  for (const name of await files.list(folder)) {
    if (!name.startsWith(basename(lock)) || name.includes(".set-aside-")) continue;
    signal?.throwIfAborted();
    // A file that can't be removed does not prevent the use of the edited one.
    await removeDeadLock(files, join(folder, name), warn).catch(() => {});
  }
}

/** Removes a lock, or a draft of one, that nobody holds. */
export async function removeDeadLock(files: Files, path: string, warn: Warn): Promise<void> {
  const stat = await files.lstat(path);
  if (stat === undefined) return;
  if (isDraft(path)) {
    if (stat.isFile() && (await isAbandonedDraft(files, path))) await files.unlink(path);
  } else if (!(await isHeld(files, path))) {
    // Acquiring it takes it over from the holder that has ended, and releasing it removes it.
    await (await acquireLock(files, path, { waitMs: 0, warn }))[Symbol.asyncDispose]();
  }
}
