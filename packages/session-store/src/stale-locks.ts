import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { SessionStoreError } from "./errors.ts";
import { THREAD_LOCKS } from "./locks.ts";
import { ageOf, isHeld, removeLock } from "./process-lock.ts";
import { rolloutFiles } from "./sessions/rollout-files.ts";
import { isThreadId } from "./thread-id.ts";

export interface StaleThreadLocksOptions {
  /** Younger files are left out, in milliseconds. Default 1 second; less than 20 ms are too few to be safe. */
  readonly minAgeMs?: number;
  readonly signal?: AbortSignal;
}

/** The lock file of a thread of which codex has no rollout any more. It does no harm but to be there. */
export interface StaleThreadLock {
  readonly threadId: string;
  readonly path: string;
  /** False if somebody has taken the lock meanwhile: then it stays. @throws SessionStoreError `io`. */
  remove(): Promise<boolean>;
}

const SUFFIX = ".lock";

/**
 * The files that `lockThread` left for threads that are gone. Those that somebody holds are not among them.
 * @throws SessionStoreError `io` if the rollouts can't be listed, so that nothing is known of their threads.
 */
export async function staleThreadLocks(
  codexHome: string,
  options: StaleThreadLocksOptions = {},
): Promise<StaleThreadLock[]> {
  const { minAgeMs = 1000, signal } = options;
  const folder = join(codexHome, THREAD_LOCKS);
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw new SessionStoreError("io", `${folder} can't be listed: ${cause.message}`, { cause });
  });
  const ids = names
    .flatMap((name) => (name.endsWith(SUFFIX) ? [name.slice(0, -SUFFIX.length)] : []))
    .filter(isThreadId);
  if (ids.length === 0) return [];
  const files = await rolloutFiles(codexHome, unlistable, signal);
  const threads = new Set(files.map((file) => file.threadId));
  const stale: StaleThreadLock[] = [];
  for (const threadId of ids) {
    signal?.throwIfAborted();
    const path = join(folder, threadId + SUFFIX);
    if (threads.has(threadId.toLowerCase()) || ageOf(path) < minAgeMs || (await isInUse(path))) continue;
    stale.push({ threadId, path, remove: () => removeLock(path, minAgeMs) });
  }
  return stale;
}

/** Whatever stands there in a lock's place is not ours to remove. */
const isInUse = (path: string) => isHeld(path).catch(() => true);

function unlistable(warning: string): never {
  throw new SessionStoreError("io", `${warning}. Until it can, nothing is known of the threads whose locks are there.`);
}
