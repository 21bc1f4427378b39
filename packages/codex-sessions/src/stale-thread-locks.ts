import { threadLockFiles } from "@plexum/session-store";
import { CodexSessionsError } from "./errors.ts";
import { rolloutFiles } from "./files/rollout-files.ts";

export interface StaleThreadLocksOptions {
  /** Younger files are left out, in milliseconds. Default: 1 second. Less than 20 ms is not safe. */
  readonly minAgeMs?: number;
  readonly signal?: AbortSignal;
}

/** The lock file of a thread whose rollout is gone. It does no harm. */
export interface StaleThreadLock {
  readonly threadId: string;
  readonly path: string;
  /** Removes the file. Resolves to false if someone has taken the lock since: then it stays. @throws SessionStoreError `io`. */
  remove(): Promise<boolean>;
}

/**
 * Returns the files that `lockThread` left for threads that are gone, except those that are held.
 *
 * @throws SessionStoreError `io` if the locks can't be listed; CodexSessionsError `io` if the rollouts can't be listed, so that
 * it is unknown which threads exist.
 */
export async function staleThreadLocks(
  codexHome: string,
  options: StaleThreadLocksOptions = {},
): Promise<StaleThreadLock[]> {
  const { minAgeMs = 1000, signal } = options;
  const locks = await threadLockFiles(codexHome);
  if (locks.length === 0) return [];
  const files = await rolloutFiles(codexHome, unlistable, signal);
  const threads = new Set(files.map((file) => file.threadId));
  const stale: StaleThreadLock[] = [];
  for (const lock of locks) {
    signal?.throwIfAborted();
    const { threadId, path } = lock;
    if (threads.has(threadId.toLowerCase()) || lock.ageMs() < minAgeMs || (await lock.isHeld())) continue;
    stale.push({ threadId, path, remove: () => lock.remove(minAgeMs) });
  }
  return stale;
}

function unlistable(warning: string): never {
  throw new CodexSessionsError("io", `${warning}. Until it can, it is unknown which of the locked threads exist.`);
}
