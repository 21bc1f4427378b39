import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { defaultCodexHome } from "./codex-home.ts";
import { asRolloutError, isErrno } from "./errors.ts";
import { isThreadId, parseRolloutName, type RolloutName, uuidTime } from "./rollout-name.ts";
import { headInStateDatabase } from "./state-database.ts";

export interface FindRolloutOptions {
  /** Default: `CODEX_HOME`, else `~/.codex`. */
  readonly codexHome?: string;
  readonly signal?: AbortSignal;
}

export interface FoundRollout extends RolloutName {
  readonly path: string;
  readonly archived: boolean;
}

/**
 * Finds the file that codex would resume a thread from. Undefined if this home has none.
 *
 * Asks codex's own index first, which alone knows the newest file of a thread that was reverted. Without an answer there,
 * looks at the names: at the days around the id's own time of creation, then in the archive, then at all other days, newest
 * first. Where a rollout is there both plain and compressed, the plain one counts, as it does for codex.
 *
 * @throws RolloutError `not-permitted` or `io` if a directory can't be listed.
 */
export async function findRollout(
  threadId: string,
  options: FindRolloutOptions = {},
): Promise<FoundRollout | undefined> {
  const { codexHome = defaultCodexHome(), signal } = options;
  if (!isThreadId(threadId)) return undefined;
  const head = await headInStateDatabase(codexHome, threadId);
  if (head !== undefined) {
    const path = existing(head);
    const name = path === undefined ? undefined : parseRolloutName(basename(path));
    if (path !== undefined && name?.threadId === threadId)
      return { ...name, path, archived: path.startsWith(join(codexHome, "archived_sessions")) };
  }
  return findByName(codexHome, threadId, (name) => name.threadId === threadId, signal);
}

/** The file with this rollout id, which is what a `history_base` names. */
export async function findRolloutFile(codexHome: string, rolloutId: string): Promise<FoundRollout | undefined> {
  return isThreadId(rolloutId) ? findByName(codexHome, rolloutId, (name) => name.rolloutId === rolloutId) : undefined;
}

/** A rollout by its path, plain or as codex has compressed it meanwhile. */
export function existing(path: string): string | undefined {
  const plain = path.replace(/\.zst$/, "");
  return [plain, `${plain}.zst`].find(existsSync);
}

function findByName(
  codexHome: string,
  id: string,
  matches: (name: RolloutName) => boolean,
  signal?: AbortSignal,
): FoundRollout | undefined {
  const search = (folder: string, archived: boolean) => {
    signal?.throwIfAborted();
    const found = list(folder)
      .map((file) => ({ file, name: file.includes(id) ? parseRolloutName(file) : undefined }))
      .filter((entry) => entry.name !== undefined && matches(entry.name))
      // The last is wanted: the newest after a revert; and of one file the plain form, which sorts first.
      .sort((a, b) => rank(a.name, b.name))
      .at(-1);
    return found?.name && { ...found.name, path: join(folder, found.file), archived };
  };
  const sessions = join(codexHome, "sessions");
  const near = nearbyDays(id);
  for (const day of near) {
    const found = search(join(sessions, day), false);
    if (found !== undefined) return found;
  }
  const archived = search(join(codexHome, "archived_sessions"), true);
  if (archived !== undefined) return archived;
  for (const day of daysBackward(sessions)) {
    const found = near.includes(day) ? undefined : search(join(sessions, day), false);
    if (found !== undefined) return found;
  }
  return undefined;
}

function rank(a: RolloutName | undefined, b: RolloutName | undefined): number {
  const time = (name: RolloutName | undefined) => uuidTime(name?.rolloutId ?? "") ?? 0;
  return time(a) - time(b) || Number(b?.compressed) - Number(a?.compressed);
}

/** The day of an id and its neighbours: codex names the directory by its local date, whatever its time zone was. */
function nearbyDays(id: string): string[] {
  const time = uuidTime(id);
  if (time === undefined) return [];
  return [0, 1, -1].map((days) => dayOf(time + days * 86_400_000));
}

/** `YYYY/MM/DD` in UTC. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10).replaceAll("-", "/");

/** The days under `sessions` as `YYYY/MM/DD`, newest first. Other directories are passed over. */
export function* daysBackward(sessions: string): Generator<string, void, undefined> {
  for (const year of numbered(sessions, /^\d{4}$/))
    for (const month of numbered(join(sessions, year), /^\d{2}$/))
      for (const day of numbered(join(sessions, year, month), /^\d{2}$/)) yield `${year}/${month}/${day}`;
}

const numbered = (folder: string, pattern: RegExp) =>
  list(folder)
    .filter((name) => pattern.test(name))
    .sort((a, b) => (a < b ? 1 : -1));

/** The names in a directory; none if there is no such directory. Synchronous: of a day's directory it takes some microseconds. */
export function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw asRolloutError(error, folder, "list");
  }
}
