import { existsSync } from "node:fs";
import { join } from "node:path";
import { sqliteHome } from "./codex-home.ts";

/**
 * The path that codex's own index gives for a thread. Undefined where there is no index, where it does not know the
 * thread, and where it can't be read: it is a hint, and the file names are the truth.
 */
export async function headInStateDatabase(codexHome: string, threadId: string): Promise<string | undefined> {
  const path = join(sqliteHome(codexHome), "state_5.sqlite");
  if (!existsSync(path)) return undefined;
  try {
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(path, { readOnly: true, timeout: 100 });
    try {
      const row = database.prepare("SELECT rollout_path FROM threads WHERE id = ?").get(threadId);
      return typeof row?.rollout_path === "string" ? row.rollout_path : undefined;
    } finally {
      database.close();
    }
  } catch {
    return undefined;
  }
}
