import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type WriteLimits, writeToDatabase } from "../find/codex-database.ts";
import { sqliteHome } from "../find/codex-home.ts";

const TABLES = ["thread_items", "thread_turns", "thread_realtime_items", "thread_history_projection_state"];

/**
 * Deletes what codex (0.148 and later) derived from a rollout, such as offsets. Codex derives it again at the next resume of the
 * thread. This is needed only before a file of another length replaces a rollout.
 *
 * @throws RolloutError `busy` if codex does not release it in time; `io`
 */
export async function forgetHistoryIndex(
  codexHome: string,
  ids: readonly string[],
  limits: WriteLimits,
): Promise<void> {
  const path = join(sqliteHome(codexHome), "thread_history_1.sqlite");
  await writeToDatabase(path, (database) => forget(database, ids), limits);
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
