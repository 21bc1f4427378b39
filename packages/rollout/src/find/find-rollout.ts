import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { asRolloutError, isErrno } from "../errors.ts";
import { defaultCodexHome } from "./codex-home.ts";
import { threadIdInFirstLine } from "./first-line.ts";
import { isArchived, pathInHome, ROOTS } from "./path-in-home.ts";
import { isLowercaseUuid, parseRolloutName, type RolloutName, uuidTime } from "./rollout-name.ts";
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
 * Finds the file that codex would resume a thread from. Returns undefined if this home has none.
 *
 * Asks codex's own index first. Only the index knows the newest file of a thread that was reverted. Without an answer there,
 * looks at file names: in the days around the creation time in the id, then in the archive, then in all other folders, newest
 * first. If a rollout exists both plain and compressed, the plain one wins, as it does for codex. A file whose first line names
 * another thread is skipped, whatever its name is. A file of another home is never returned.
 *
 * @throws RolloutError `not_permitted` or `io` if a directory can't be listed.
 */
export async function findRollout(
  threadId: string,
  options: FindRolloutOptions = {},
): Promise<FoundRollout | undefined> {
  const { codexHome = defaultCodexHome(), signal } = options;
  if (!isLowercaseUuid(threadId)) return undefined;
  const isOwnName = (name: RolloutName) => name.threadId === threadId;
  const isOwnFile = (path: string) => [undefined, threadId].includes(threadIdInFirstLine(path));
  const head = await headInStateDatabase(codexHome, threadId);
  const path = head === undefined ? undefined : pathInHome(codexHome, head);
  const name = path === undefined ? undefined : parseRolloutName(basename(path));
  if (path !== undefined && name !== undefined && isOwnName(name) && isOwnFile(path))
    return { ...name, path, archived: isArchived(codexHome, path) };
  return findByName(codexHome, threadId, isOwnName, isOwnFile, signal);
}

/**
 * Finds the file with a rollout id, which is what a `history_base` names. Returns undefined if this home has none.
 *
 * @throws RolloutError `not_permitted` or `io` if a directory can't be listed.
 */
export async function findRolloutFile(codexHome: string, rolloutId: string): Promise<FoundRollout | undefined> {
  if (!isLowercaseUuid(rolloutId)) return undefined;
  return findByName(codexHome, rolloutId, (name) => name.rolloutId === rolloutId);
}

/** Returns the path of a rollout that exists: plain, or the compressed form if codex has compressed it since. */
export function existingForm(path: string): string | undefined {
  const plain = path.replace(/\.zst$/, "");
  return [plain, `${plain}.zst`].find(existsSync);
}

function findByName(
  codexHome: string,
  id: string,
  matches: (name: RolloutName) => boolean,
  isWanted: (path: string) => boolean = () => true,
  signal?: AbortSignal,
): FoundRollout | undefined {
  const search = (folder: string, files = list(folder)) => {
    signal?.throwIfAborted();
    const found = files
      .map((file) => ({ file, name: file.includes(id) ? parseRolloutName(file) : undefined }))
      .filter((entry) => entry.name !== undefined && matches(entry.name))
      // The first one wins: the newest after a revert, the plain form of one file, and the later name of two with one id.
      .sort((a, b) => rank(b.name, a.name) || (a.file < b.file ? 1 : -1))
      .find(({ file }) => isWanted(join(folder, file)));
    return found?.name && { ...found.name, path: join(folder, found.file), archived: isArchived(codexHome, folder) };
  };
  const [sessions = "", archive = ""] = ROOTS.map((root) => join(codexHome, root));
  const usual = [...nearbyDays(id).map((day) => join(sessions, day)), archive];
  for (const folder of usual) {
    const found = search(folder);
    if (found !== undefined) return found;
  }
  const failures: unknown[] = [];
  for (const { folder, names } of rolloutFilesBelow(codexHome, (error) => failures.push(error))) {
    const found = usual.includes(folder) ? undefined : search(folder, names);
    if (found !== undefined) return found;
  }
  // The rollout may be there.
  if (failures.length > 0) throw failures[0];
  return undefined;
}

function rank(a: RolloutName | undefined, b: RolloutName | undefined): number {
  const time = (name: RolloutName | undefined) => uuidTime(name?.rolloutId ?? "") ?? 0;
  return time(a) - time(b) || Number(b?.compressed) - Number(a?.compressed);
}

/** Returns the day of an id and the days next to it: codex names the directory by its local date, in any time zone. */
function nearbyDays(id: string): string[] {
  const time = uuidTime(id);
  if (time === undefined) return [];
  return [0, 1, -1].map((days) => dayOf(time + days * 86_400_000));
}

/** Returns a time's day as `YYYY/MM/DD` in UTC. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10).replaceAll("-", "/");

/** Yields the days under `sessions` as `YYYY/MM/DD`, newest first. Skips other directories. */
export function* daysBackward(sessions: string): Generator<string, void, undefined> {
  for (const year of numbered(sessions, /^\d{4}$/))
    for (const month of numbered(join(sessions, year), /^\d{2}$/))
      for (const day of numbered(join(sessions, year, month), /^\d{2}$/)) yield `${year}/${month}/${day}`;
}

const numbered = (folder: string, pattern: RegExp) =>
  list(folder)
    .filter((name) => pattern.test(name))
    .sort((a, b) => (a < b ? 1 : -1));

/** `sessions/YYYY/MM/DD` */
const MAX_DEPTH = 4;

/**
 * Yields the folders of a codex home that may contain rollouts, each with the names of files that may be rollouts. Yields those of
 * `sessions` first, then those of the archive, newest first. Includes folders that the user created.
 *
 * @param failed Called with the error if a directory can't be listed. The search then continues without it. By default, the error is thrown.
 * @throws RolloutError `not_permitted` or `io`.
 */
export function* rolloutFilesBelow(
  codexHome: string,
  failed: (error: unknown) => void = rethrow,
): Generator<{ readonly folder: string; readonly names: string[] }, void, undefined> {
  for (const root of ROOTS) yield* foldersBelow(join(codexHome, root), 1, failed);
}

function rethrow(error: unknown): never {
  throw error;
}

/** Looks into all folders, since users put archives and copies beside codex's own days. */
function* foldersBelow(
  folder: string,
  depth: number,
  failed: (error: unknown) => void,
): Generator<{ folder: string; names: string[] }, void, undefined> {
  let names: string[] = [];
  try {
    names = list(folder);
  } catch (error) {
    failed(error);
  }
  yield { folder, names: names.filter((name) => !name.startsWith(".") && /\.jsonl(?:\.zst)?$/.test(name)) };
  if (depth === MAX_DEPTH) return;
  // A name with a dot is a file, or something hidden by a mutation or the system.
  for (const name of names.filter((one) => !one.includes(".")).sort((a, b) => (a < b ? 1 : -1)))
    yield* foldersBelow(join(folder, name), depth + 1, failed);
}

/** Returns the names in a directory. Returns none if there is no such directory. Synchronous: a day's directory takes some microseconds. */
export function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw asRolloutError(error, folder, "list");
  }
}
