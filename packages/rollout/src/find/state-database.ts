import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
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
    const ask = (location: string | URL): string | undefined => {
      const database = new DatabaseSync(location, { readOnly: true, timeout: 100 });
      try {
        const row = database.prepare("SELECT rollout_path FROM threads WHERE id = ?").get(threadId);
        return typeof row?.rollout_path === "string" ? row.rollout_path : undefined;
      } finally {
        database.close();
      }
    };
    // Who only reads leaves a `-wal` and a `-shm` behind that were not there, unless SQLite is told that nobody writes. So it is while
    // there is no `-wal`: codex has one for as long as it has the index open (0.135, 0.169).
    const isAtRest = () => !existsSync(`${path}-wal`);
    if (isAtRest()) {
      const url = pathToFileURL(path);
      url.searchParams.set("immutable", "1");
      const answer = ask(url);
      if (isAtRest()) return answer;
    }
    return ask(path);
  } catch {
    return undefined;
  }
}
