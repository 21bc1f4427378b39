import { threadLockFiles } from "@plexum/session-store";
import { CodexSessionsError } from "./errors.ts";
import { rolloutFiles } from "./files/rollout-files.ts";

export interface StaleThreadLocksOptions {
  /** Skips files younger than this, in milliseconds. Less than 20 is not safe. @default 1_000 */
  readonly minAgeMs?: number;
  readonly signal?: AbortSignal;
}

/** The lock file of a thread whose rollout no longer exists. It does no harm. */
export interface StaleThreadLock {
  readonly threadId: string;
  readonly path: string;
  /**
   * Removes the file. Keeps it and resolves to false if another process has acquired the lock since.
   * @throws SessionStoreError `io`.
   */
  remove(): Promise<boolean>;
}

/**
 * Returns the lock files of `lockThread` that are not held and whose threads no longer exist.
 *
 * @throws SessionStoreError `io` if the locks can't be listed; CodexSessionsError `io` if the rollouts can't be listed, since it is
 * then unknown which threads exist.
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
  throw new CodexSessionsError("io", `${warning}. Without that list, it is unknown which of the locked threads exist.`);
}
