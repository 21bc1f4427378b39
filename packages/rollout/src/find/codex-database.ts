import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { RolloutError } from "../errors.ts";

export interface WriteLimits {
  /** How long to wait for codex to release the database, in milliseconds. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

const PAUSE_MS = 20;

/**
 * Writes to one of codex's databases, if it is there.
 * @throws RolloutError `busy` if codex does not release it in time; `io`
 */
export async function writeToDatabase(
  path: string,
  write: (database: DatabaseSync) => void,
  { waitMs, signal }: WriteLimits,
): Promise<void> {
  if (!existsSync(path)) return;
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      // SQLite's own waiting would block the thread.
      const database = new DatabaseSync(path, { timeout: 0 });
      try {
        write(database);
      } finally {
        database.close();
      }
      return;
    } catch (error) {
      const cause = { cause: error };
      if (!isLocked(error))
        throw new RolloutError("io", path, `can't write to ${path}: ${(error as Error).message}`, cause);
      if (performance.now() >= deadline)
        throw new RolloutError("busy", path, `codex is writing to ${path}; try again`, cause);
    }
    await delay(PAUSE_MS, undefined, { signal });
  }
}

/** The primary code of SQLite's error is SQLITE_BUSY or SQLITE_LOCKED. */
const isLocked = (error: unknown) => [5, 6].includes(((error as { errcode?: number }).errcode ?? 0) & 0xff);
