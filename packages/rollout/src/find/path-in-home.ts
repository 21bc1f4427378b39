import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
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
  const candidates = [
    // A file outside of any home's folders may be anywhere in this home; a home inside this one is a different home.
    ...(below === undefined ? (path.startsWith(codexHome + sep) ? [path] : []) : [join(codexHome, below)]),
    ...ROOTS.flatMap((root) => pathBelow(join(codexHome, root), path) ?? []),
  ];
  return candidates.flatMap(forms).find(existsSync);
}

function forms(path: string): string[] {
  const plain = path.replace(/\.zst$/, "");
  return [plain, `${plain}.zst`];
}

/** A path by the name of a folder that it leads below, once the links of both are followed. */
function pathBelow(folder: string, path: string): string | undefined {
  const below = relative(resolvedPath(folder), join(resolvedPath(dirname(path)), basename(path)));
  return isAbsolute(below) || below.split(sep)[0] === ".." ? undefined : join(folder, below);
}

/** Whether a file or a folder stands in the home's archive. */
export function isArchived(codexHome: string, path: string): boolean {
  const archive = join(codexHome, "archived_sessions");
  return path === archive || path.startsWith(archive + sep);
}
