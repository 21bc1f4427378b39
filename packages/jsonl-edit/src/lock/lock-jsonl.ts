import { LockedJsonl } from "../edit/locked-jsonl.ts";
import { asJsonlEditError } from "../errors.ts";
import { nodeFiles } from "../files.ts";
import { recoverLocked } from "../recover/recover-jsonl.ts";
import { acquireLock } from "./lock-file.ts";
import { DEFAULT_WAIT_MS, type LockJsonlOptions, resolvedPath } from "./lock-options.ts";
import { processWarning } from "./set-aside.ts";
import { Sidecars } from "./sidecar.ts";

/**
 * Locks a file against other editors, and finishes an edit that a crash interrupted. Dispose of the result to release the lock.
 *
 * The lock is that of the file's name. The file need not exist, since it may be there in another form, such as compressed. The
 * journal of an interrupted edit is removed in that case.
 *
 * @throws JsonlEditError `busy` if another edit does not end in time; `not_permitted` and the like.
 */
export async function lockJsonl(path: string, options: LockJsonlOptions = {}): Promise<LockedJsonl> {
  const { waitMs = DEFAULT_WAIT_MS, signal, onWarning: warn = processWarning, files = nodeFiles } = options;
  try {
    const target = resolvedPath(path);
    const sidecars = new Sidecars(target, options);
    const lock = await acquireLock(files, sidecars.path("lock"), { waitMs, signal, warn });
    try {
      await recoverLocked(files, target, sidecars, warn);
      return new LockedJsonl(files, target, sidecars, lock);
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    throw asJsonlEditError(error, path, "lock");
  }
}
