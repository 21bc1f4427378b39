import { existsSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { codexHomeOf, resolvedPath } from "./codex-home.ts";

/** The folders of a codex home in which rollouts stand. */
export const ROOTS = ["sessions", "archived_sessions"] as const;

/**
 * The same rollout in a codex home, by its path there, plain or compressed: codex's index keeps absolute paths, which lead to
 * the first home from a copy of it, and to another name of the same folder through a link. Undefined if this home has no
 * such file.
 */
export function pathInHome(codexHome: string, path: string): string | undefined {
  const home = codexHomeOf(path);
  const below = home === undefined ? undefined : relative(home, path);
  const candidates = [...(below === undefined ? [] : [join(codexHome, below)]), path].filter((candidate) =>
    isInHome(codexHome, candidate),
  );
  return candidates.flatMap(forms).find(existsSync);
}

function forms(path: string): string[] {
  const plain = path.replace(/\.zst$/, "");
  return [plain, `${plain}.zst`];
}

/** Whether a path leads below the home: as it is given, or once its links are followed. The two folders may be links too. */
function isInHome(codexHome: string, path: string): boolean {
  const isBelow = (folder: string, file: string) => file.startsWith(folder + sep);
  const folders = [codexHome, ...ROOTS.map((root) => join(codexHome, root))];
  return isBelow(codexHome, path) || folders.some((folder) => isBelow(resolvedPath(folder), resolvedPath(path)));
}

/** Whether a file or a folder stands in the home's archive. */
export function isArchived(codexHome: string, path: string): boolean {
  const archive = join(codexHome, "archived_sessions");
  return path === archive || path.startsWith(archive + sep);
}
