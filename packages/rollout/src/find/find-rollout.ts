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
 * Finds the file that codex would resume a thread from. Undefined if this home has none.
 *
 * Asks codex's own index first, which alone knows the newest file of a thread that was reverted. Without an answer there,
 * looks at the names: at the days around the id's own time of creation, then in the archive, then at all other folders,
 * newest first. Where a rollout is there both plain and compressed, the plain one counts, as it does for codex. A file whose
 * first line names another thread is not this thread's, whatever its name says. No file of another home is ever returned.
 *
 * @throws RolloutError `not_permitted` or `io` if a directory can't be listed.
 */
export async function findRollout(
  threadId: string,
  options: FindRolloutOptions = {},
): Promise<FoundRollout | undefined> {
  const { codexHome = defaultCodexHome(), signal } = options;
  if (!isLowercaseUuid(threadId)) return undefined;
  const isOf = (name: RolloutName) => name.threadId === threadId;
  const isThreads = (path: string) => [undefined, threadId].includes(threadIdInFirstLine(path));
  const head = await headInStateDatabase(codexHome, threadId);
  const path = head === undefined ? undefined : pathInHome(codexHome, head);
  const name = path === undefined ? undefined : parseRolloutName(basename(path));
  if (path !== undefined && name !== undefined && isOf(name) && isThreads(path))
    return { ...name, path, archived: isArchived(codexHome, path) };
  return findByName(codexHome, threadId, isOf, isThreads, signal);
}

/** The file with this rollout id, which is what a `history_base` names. */
export async function findRolloutFile(codexHome: string, rolloutId: string): Promise<FoundRollout | undefined> {
  if (!isLowercaseUuid(rolloutId)) return undefined;
  return findByName(codexHome, rolloutId, (name) => name.rolloutId === rolloutId);
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
  isWanted: (path: string) => boolean = () => true,
  signal?: AbortSignal,
): FoundRollout | undefined {
  const search = (folder: string, files = list(folder)) => {
    signal?.throwIfAborted();
    const found = files
      .map((file) => ({ file, name: file.includes(id) ? parseRolloutName(file) : undefined }))
      .filter((entry) => entry.name !== undefined && matches(entry.name))
      // The first is wanted: the newest after a revert; of one file the plain form; and of two with one id the one named later.
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
  // The rollout may stand there.
  if (failures.length > 0) throw failures[0];
  return undefined;
}

function rank(a: RolloutName | undefined, b: RolloutName | undefined): number {
  const time = (name: RolloutName | undefined) => uuidTime(name?.rolloutId ?? "") ?? 0;
  return time(a) - time(b) || Number(b?.compressed) - Number(a?.compressed);
}

/** The day of an id and the days next to it: codex names the directory by its local date, whatever its time zone was. */
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

/** `sessions/YYYY/MM/DD` */
const MAX_DEPTH = 4;

/**
 * The folders of a codex home in which rollouts stand, with the names of what may be one, whoever put it there: those of
 * `sessions` first, then the archive's, each newest first.
 *
 * @param failed Takes the error of a directory that can't be listed, and the search goes on without it. Default: throws it.
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

/** People put archives and copies beside codex's own days. */
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
  // A name with a dot is a file, or one that a mutation or a system hides.
  for (const name of names.filter((one) => !one.includes(".")).sort((a, b) => (a < b ? 1 : -1)))
    yield* foldersBelow(join(folder, name), depth + 1, failed);
}

/** The names in a directory; none if there is no such directory. Synchronous: of a day's directory it takes some microseconds. */
export function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw asRolloutError(error, folder, "list");
  }
}
