import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { SessionStoreError } from "./errors.ts";
import { THREAD_LOCKS } from "./locks.ts";
import { ageOf, isHeld, removeLock } from "./process-lock.ts";
import { isThreadId } from "./thread-id.ts";

/** The lock file of a thread, held or not. */
export interface ThreadLockFile {
  readonly threadId: string;
  readonly path: string;
  /** How long ago it was created or last held, in milliseconds. */
  ageMs(): number;
  /** Returns whether the lock is held. Resolves to true, too, if something else is in the place of the lock file. */
  isHeld(): Promise<boolean>;
  /** Removes the file. Resolves to false, and leaves it, if it is held or younger than `minAgeMs`. @throws SessionStoreError `io`. */
  remove(minAgeMs: number): Promise<boolean>;
}

const SUFFIX = ".lock";

/** Returns the files that `lockThread` created in a home. @throws SessionStoreError `io`. */
export async function threadLockFiles(codexHome: string): Promise<ThreadLockFile[]> {
  const folder = join(codexHome, THREAD_LOCKS);
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw new SessionStoreError("io", `${folder} can't be listed: ${cause.message}`, { cause });
  });
  return names
    .flatMap((name) => (name.endsWith(SUFFIX) ? [name.slice(0, -SUFFIX.length)] : []))
    .filter(isThreadId)
    .map((threadId) => {
      const path = join(folder, threadId + SUFFIX);
      return {
        threadId,
        path,
        ageMs: () => ageOf(path),
        isHeld: () => isHeld(path).catch(() => true),
        remove: (minAgeMs) => removeLock(path, minAgeMs),
      };
    });
}
