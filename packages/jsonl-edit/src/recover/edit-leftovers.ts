import { basename, dirname, join } from "node:path";
import { readJournal } from "../edit/journal.ts";
import { asJsonlEditError } from "../errors.ts";
import { type Files, nodeFiles } from "../files.ts";
import { acquireLock, isAbandonedDraft, isDraft, isHeld } from "../lock/lock-file.ts";
import type { LockJsonlOptions } from "../lock/lock-options.ts";
import { processWarning, setAside } from "../lock/set-aside.ts";
import { DEFAULT_SIDECAR_PREFIX, sidecarKey } from "../lock/sidecar.ts";
import { type Recovery, recoverJsonl, removeDeadLock } from "./recover-jsonl.ts";

/** Leftovers of an edit that was killed, by itself or with its machine. */
export interface EditLeftover {
  /** The edited file. Undefined if it no longer exists: then there is nothing to finish. */
  readonly file: string | undefined;
  /** The paths of the leftovers. */
  readonly leftovers: readonly string[];
  /**
   * Finishes or drops the edit, as `recoverJsonl` does, and removes the files.
   * @throws JsonlEditError `busy` if another process is editing the file now; `not_permitted` and the like.
   */
  repair(): Promise<Recovery>;
}

export interface EditLeftoversOptions extends Omit<LockJsonlOptions, "waitMs" | "formerFolders"> {
  /**
   * Returns the name after which a file's sidecars are named, or undefined for a file that is never edited. Default: the file's own
   * name.
   */
  readonly editedName?: ((name: string) => string | undefined) | undefined;
  /** Recovers a file. Default: `recoverJsonl` with these options. */
  readonly recover?: ((file: string) => Promise<Recovery>) | undefined;
}

/**
 * Finds leftovers of interrupted edits in some folders. Recovery happens by itself when a file is edited again; this is for files
 * that nobody edits. Files of a running edit are not included. Lists the folders, and reads only the locks among the files found.
 *
 * @param folders Returns the folders. Called again for a repair. If files are moved between two folders, one of them may be listed
 * twice, before and after the other.
 * @throws JsonlEditError `not_permitted` or `io` if a folder can't be listed.
 */
export async function editLeftovers(
  folders: () => Iterable<string>,
  options: EditLeftoversOptions = {},
): Promise<EditLeftover[]> {
  const { files = nodeFiles } = options;
  const { sidecars, edited } = await scan(folders, options);
  const found: EditLeftover[] = [];
  for (const [key, paths] of sidecars) {
    const leftovers = await abandoned(files, paths);
    if (leftovers.length === 0) continue;
    const file = edited.get(key);
    found.push({ file, leftovers, repair: () => repair(folders, options, key, file, leftovers) });
  }
  return found;
}

interface Scan {
  /** The sidecars, by the key that their names share. */
  readonly sidecars: ReadonlyMap<string, readonly string[]>;
  /** The edited files, by the same key. */
  readonly edited: ReadonlyMap<string, string>;
}

async function scan(folders: () => Iterable<string>, options: EditLeftoversOptions): Promise<Scan> {
  const { files = nodeFiles, sidecarPrefix = DEFAULT_SIDECAR_PREFIX, editedName = (name) => name, signal } = options;
  const sidecars = new Map<string, Set<string>>();
  const names: [folder: string, name: string, editedName: string][] = [];
  for (const folder of folders()) {
    signal?.throwIfAborted();
    for (const name of await list(files, folder)) {
      const key = keyIn(name, sidecarPrefix);
      if (key !== undefined) sidecars.set(key, (sidecars.get(key) ?? new Set()).add(join(folder, name)));
      const base = key === undefined ? editedName(name) : undefined;
      if (base !== undefined) names.push([folder, name, base]);
    }
  }
  const edited = new Map<string, string>();
  if (sidecars.size > 0)
    for (const [folder, name, base] of names) {
      const key = sidecarKey(base);
      if (sidecars.has(key)) edited.set(key, join(folder, name));
    }
  return { sidecars: new Map([...sidecars].map(([key, paths]) => [key, [...paths]])), edited };
}

async function list(files: Files, folder: string): Promise<string[]> {
  try {
    return await files.list(folder);
  } catch (error) {
    throw asJsonlEditError(error, folder, "list");
  }
}

const SIDECAR = /^([0-9a-f]{16})\.(redo|new|lock)(-[0-9a-f-]+|-unreadable)*(-draft)?$/;

const keyIn = (name: string, prefix: string): string | undefined =>
  name.startsWith(prefix) ? SIDECAR.exec(name.slice(prefix.length))?.[1] : undefined;

const isLock = (path: string) => basename(path).includes(".lock");

/** Returns the abandoned sidecars. Returns none if a running process holds one of the locks, since the others belong to it too. */
async function abandoned(files: Files, paths: readonly string[]): Promise<string[]> {
  const isInUse = async () => {
    for (const path of paths) if (isLock(path) && !isDraft(path) && (await isHeld(files, path))) return true;
    return false;
  };
  if (await isInUse()) return [];
  const left: string[] = [];
  for (const path of paths) {
    if ((await files.lstat(path)) === undefined) continue;
    if (!isDraft(path) || (await isAbandonedDraft(files, path))) left.push(path);
  }
  // A file found by the listing may belong to an edit that has begun since.
  return (await isInUse()) ? [] : left;
}

async function repair(
  folders: () => Iterable<string>,
  options: EditLeftoversOptions,
  key: string,
  file: string | undefined,
  leftovers: readonly string[],
): Promise<Recovery> {
  const { files = nodeFiles, onWarning: warn = processWarning } = options;
  const recover = options.recover ?? ((path) => recoverJsonl(path, options));
  try {
    // The file may be back, if it had been moved away.
    const current = file ?? (await scan(folders, options)).edited.get(key);
    const recovery = current === undefined ? await drop(options, key, leftovers) : await recover(current);
    for (const path of leftovers.filter(isLock)) await removeDeadLock(files, path, warn);
    return recovery;
  } catch (error) {
    throw asJsonlEditError(error, leftovers[0] ?? "", "clean up after an edit,");
  }
}

/** Removes the leftovers for a file that no longer exists: there is nothing to finish. */
async function drop(options: EditLeftoversOptions, key: string, leftovers: readonly string[]): Promise<Recovery> {
  const { files = nodeFiles, onWarning: warn = processWarning, sidecarPrefix = DEFAULT_SIDECAR_PREFIX } = options;
  const content = leftovers.filter((path) => !isLock(path));
  const [first] = content;
  if (first === undefined) return "clean";
  const lock = join(dirname(first), `${sidecarPrefix}${key}.lock`);
  await using _lock = await acquireLock(files, lock, { waitMs: 0, warn });
  for (const path of content) {
    const isOurs = path.endsWith(".redo")
      ? (await readJournal(files, path)) !== "foreign"
      : (await files.lstat(path))?.isFile();
    if (isOurs) await files.unlink(path);
    else await setAside(files, path, "a file of an edit", warn);
  }
  return "dropped";
}
