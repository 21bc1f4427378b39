import { existsSync } from "node:fs";
import { join } from "node:path";
import { sqliteHome } from "./codex-home.ts";
import { RolloutError } from "./errors.ts";

const TABLES = ["thread_items", "thread_turns", "thread_realtime_items", "thread_history_projection_state"];

/**
 * Makes codex (0.148 and later) forget what it derived from a rollout, offsets among it: it derives it anew when the thread is
 * resumed next. Needed before a rollout is replaced by one of another length, and only then.
 *
 * @throws RolloutError `busy` or `io`
 */
export async function forgetHistoryIndex(codexHome: string, ids: readonly string[]): Promise<void> {
  const path = join(sqliteHome(codexHome), "thread_history_1.sqlite");
  if (!existsSync(path)) return;
  try {
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(path, { timeout: 5_000 });
    try {
      database.exec("BEGIN IMMEDIATE");
      for (const table of TABLES) {
        const exists = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table);
        if (exists === undefined) continue;
        for (const id of ids) database.prepare(`DELETE FROM ${table} WHERE thread_id = ?`).run(id);
      }
      database.exec("COMMIT");
    } finally {
      database.close();
    }
  } catch (error) {
    const isLocked = /locked|busy/.test(String((error as Error).message));
    throw new RolloutError(isLocked ? "busy" : "io", path, `can't write to ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
