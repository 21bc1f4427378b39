import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

/** `CODEX_HOME`, else `~/.codex`. */
export const defaultCodexHome = (): string => process.env.CODEX_HOME || join(homedir(), ".codex");

/** The home that a rollout stands in, by its path; undefined for a file that stands elsewhere, such as a copy. */
export function codexHomeOf(path: string): string | undefined {
  const folder = dirname(path);
  if (basename(folder) === "archived_sessions") return dirname(folder);
  const sessions = dirname(dirname(dirname(folder)));
  return basename(sessions) === "sessions" ? dirname(sessions) : undefined;
}

/** Codex moves its databases, and only these, by `CODEX_SQLITE_HOME`. */
export const sqliteHome = (codexHome: string): string => process.env.CODEX_SQLITE_HOME || codexHome;
