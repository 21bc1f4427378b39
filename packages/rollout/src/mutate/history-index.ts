import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { RolloutError } from "../errors.ts";
import { sqliteHome } from "../find/codex-home.ts";

const TABLES = ["thread_items", "thread_turns", "thread_realtime_items", "thread_history_projection_state"];
const PAUSE_MS = 20;

/**
 * Makes codex (0.148 and later) forget what it derived from a rollout, offsets among it: it derives it again when the thread is
 * resumed next. Needed before a rollout is replaced by one of another length, and only then.
 *
 * @throws RolloutError `busy` if codex does not let go of it in time; `io`
 */
export async function forgetHistoryIndex(
  codexHome: string,
  ids: readonly string[],
  { waitMs, signal }: { readonly waitMs: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const path = join(sqliteHome(codexHome), "thread_history_1.sqlite");
  if (!existsSync(path)) return;
  const { DatabaseSync } = await import("node:sqlite");
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      // SQLite's own waiting would block the thread.
      const database = new DatabaseSync(path, { timeout: 0 });
      try {
        forget(database, ids);
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

function forget(database: DatabaseSync, ids: readonly string[]): void {
  database.exec("BEGIN IMMEDIATE");
  for (const table of TABLES) {
    const exists = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table);
    if (exists === undefined) continue;
    for (const id of ids) database.prepare(`DELETE FROM ${table} WHERE thread_id = ?`).run(id);
  }
  database.exec("COMMIT");
}

/** The primary code of SQLite's error is SQLITE_BUSY or SQLITE_LOCKED. */
const isLocked = (error: unknown) => [5, 6].includes(((error as { errcode?: number }).errcode ?? 0) & 0xff);
