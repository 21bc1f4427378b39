import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { asRolloutError, isErrno } from "../errors.ts";

/** `CODEX_HOME`, else `~/.codex`. Absolute: a relative one is resolved against this process's working directory. */
export const defaultCodexHome = (): string => resolve(process.env.CODEX_HOME || join(homedir(), ".codex"));

/**
 * The home that a rollout stands in; undefined for a file that stands elsewhere, such as a copy. The path as it is given counts
 * before where its links lead to: `sessions` may be a link to a folder of another name.
 */
export const codexHomeOf = (path: string): string | undefined => homeByName(path) ?? homeByName(resolvedPath(path));

function homeByName(path: string): string | undefined {
  const folder = dirname(path);
  if (basename(folder) === "archived_sessions") return dirname(folder);
  const sessions = dirname(dirname(dirname(folder)));
  return basename(sessions) === "sessions" ? dirname(sessions) : undefined;
}

/**
 * The homes in which codex may have a rollout open: the one that was asked for, and the one that the file stands in once its
 * links are followed. Two homes share a file where a folder of one is a link into the other, as in a copy that kept its links.
 */
export function homesOfRollout(codexHome: string | undefined, path: string): string[] {
  const own = homeByName(resolvedPath(path));
  if (codexHome === undefined || own === resolvedPath(codexHome)) return codexHome === undefined ? [] : [codexHome];
  const isHome = own !== undefined && HOME_MARKS.some((name) => existsSync(join(own, name)));
  return isHome ? [codexHome, own] : [codexHome];
}

/** What codex, or a mutation, has made in a home that was ever used: any other folder may be called `sessions`. */
const HOME_MARKS = ["state_5.sqlite", "thread-writer-locks", "plexum-thread-locks"];

/** A rollout's own path where it is reached by a symbolic link: what stands beside it is found from anywhere. @throws RolloutError */
export function resolvedPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return path;
    throw asRolloutError(error, path, "find");
  }
}

/** Codex moves its databases, and only these, by `CODEX_SQLITE_HOME`. */
export const sqliteHome = (codexHome: string): string => process.env.CODEX_SQLITE_HOME || codexHome;
