import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { writeToDatabase } from "./codex-database.ts";
import { resolvedPath, sqliteHome } from "./codex-home.ts";

const NAME = "state_5.sqlite";

/**
 * Returns the path that codex's own index has for a thread. Returns undefined if there is no index, if it does not know the
 * thread, or if it can't be read: the index is a hint, and the file names are the truth.
 */
export async function headInStateDatabase(codexHome: string, threadId: string): Promise<string | undefined> {
  const path = join(sqliteHome(codexHome), NAME);
  if (!existsSync(path)) return undefined;
  try {
    const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
    const ask = (location: string | URL): string | undefined => {
      const database = new DatabaseSync(location, { readOnly: true, timeout: 100 });
      try {
        const row = database.prepare("SELECT rollout_path FROM threads WHERE id = ?").get(threadId);
        return typeof row?.rollout_path === "string" ? row.rollout_path : undefined;
      } finally {
        database.close();
      }
    };
    // Read-only connections also create a `-wal` and a `-shm` and do not remove them, unless opened with `immutable`. That is safe
    // while there is no `-wal`: codex has one for as long as it has the index open (0.135, 0.169).
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

/**
 * Makes codex resume a thread from this home's own file. In a copy of a home, codex's index names the files of the original home,
 * and codex continues those (0.135, 0.169): the model would see what was consumed in the copy, and codex would write to the
 * original home. Does nothing if the named file does not exist, if it is this file by another path, or if `CODEX_SQLITE_HOME`
 * makes homes share an index.
 *
 * @throws RolloutError `busy` if codex does not release its index in time; `io`
 */
export async function adoptRollout(
  rollout: { readonly threadId: string; readonly path: string },
  options: { readonly codexHome: string; readonly signal?: AbortSignal },
): Promise<void> {
  const { threadId, path } = rollout;
  const { codexHome, signal } = options;
  if (resolvedPath(sqliteHome(codexHome)) !== resolvedPath(codexHome)) return;
  const named = await headInStateDatabase(codexHome, threadId);
  if (named === undefined || !existsSync(named) || resolvedPath(named) === resolvedPath(path)) return;
  await writeToDatabase(
    join(codexHome, NAME),
    (database) =>
      database
        .prepare("UPDATE threads SET rollout_path = ? WHERE id = ? AND rollout_path = ?")
        .run(path, threadId, named),
    { waitMs: WAIT_MS, signal },
  );
}

const WAIT_MS = 5_000;
