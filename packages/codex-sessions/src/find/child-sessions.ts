import { statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { parseRolloutName, rolloutFilesBelow } from "@plexum/rollout";
import { codexHomeOf } from "@plexum/session-store";
import { readHead } from "../record/read-head.ts";
import type { FindSessionOptions, FoundSession } from "./find-session.ts";

/** The number of first lines read between two pauses. */
const BATCH = 32;

/**
 * Returns the threads that codex started for a session: its sub-agents, oldest first. Reads only the first lines of rollouts whose
 * threads started while the session was in use.
 *
 * @throws the reason of an aborted `signal`.
 */
export async function childSessions(
  session: Pick<FoundSession, "id" | "file">,
  options: FindSessionOptions = {},
): Promise<FoundSession[]> {
  const { signal } = options;
  const codexHome = resolve(options.codexHome ?? codexHomeOf(process.env));
  const { id, file } = session;
  if (file === undefined) return [];
  const last = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
  const isInTime = (threadId: string) => threadId > id && (timeOf(threadId) ?? 0) <= last;
  const children: FoundSession[] = [];
  let read = 0;
  for (const { folder, names } of rolloutFilesBelow(codexHome, () => {})) {
    for (const name of names) {
      const threadId = parseRolloutName(name)?.threadId;
      if (threadId === undefined || !isInTime(threadId)) continue;
      if (++read % BATCH === 0) await setImmediate();
      signal?.throwIfAborted();
      const path = join(folder, name);
      const head = await readHead(path, signal).catch(() => undefined);
      if (head?.origin?.parentId !== id || children.some((child) => child.id === head.id)) continue;
      children.push({
        id: head.id,
        file: path,
        cwd: head.cwd,
        archived: basename(folder) === "archived_sessions",
        compressed: name.endsWith(".zst"),
        parentId: id,
        role: head.origin.role,
      });
    }
  }
  return children.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Returns when a thread started. Codex's ids are UUIDs of version 7. */
function timeOf(id: string): number | undefined {
  return id[14] === "7" ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
