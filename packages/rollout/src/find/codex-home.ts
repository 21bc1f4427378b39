import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { asRolloutError, isErrno } from "../errors.ts";

/** Returns `CODEX_HOME`, else `~/.codex`. The path is absolute: a relative one is resolved against this process's working directory. */
export const defaultCodexHome = (): string => resolve(process.env.CODEX_HOME || join(homedir(), ".codex"));

/**
 * Returns the home that a rollout is in. Returns undefined for a file outside of a home, such as a copy. Tries the path as given
 * before its resolved form, since `sessions` may be a link to a folder of another name.
 */
export const codexHomeOf = (path: string): string | undefined => homeByName(path) ?? homeByName(resolvedPath(path));

function homeByName(path: string): string | undefined {
  const folder = dirname(path);
  if (basename(folder) === "archived_sessions") return dirname(folder);
  const sessions = dirname(dirname(dirname(folder)));
  return basename(sessions) === "sessions" ? dirname(sessions) : undefined;
}

/**
 * Returns the homes in which codex may have a rollout open: the given one, and the one that the file is in once its links are
 * resolved. Two homes share a file if a folder of one is a link into the other, as in a copy that kept its links.
 *
 * @throws RolloutError `not_permitted` or `io` if the path can't be resolved.
 */
export function homesOfRollout(codexHome: string | undefined, path: string): string[] {
  const own = homeByName(resolvedPath(path));
  if (codexHome === undefined || own === resolvedPath(codexHome)) return codexHome === undefined ? [] : [codexHome];
  const isHome = own !== undefined && HOME_MARKS.some((name) => existsSync(join(own, name)));
  return isHome ? [codexHome, own] : [codexHome];
}

/** Codex, or a mutation, creates these in a home that is used. A folder without them may be called `sessions` by chance. */
const HOME_MARKS = ["state_5.sqlite", "thread-writer-locks", "plexum-thread-locks"];

/**
 * Resolves symbolic links in a rollout's path, so that the files beside it are found from anywhere.
 *
 * @throws RolloutError `not_permitted` or `io` if the path can't be resolved.
 */
export function resolvedPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return path;
    throw asRolloutError(error, path, "find");
  }
}

/** Returns where codex keeps its databases. `CODEX_SQLITE_HOME` moves them, and nothing else. */
export const sqliteHome = (codexHome: string): string => process.env.CODEX_SQLITE_HOME || codexHome;
