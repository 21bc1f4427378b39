import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
import { codexHomeOf, resolvedPath } from "./codex-home.ts";

/** The folders of a codex home that contain rollouts. */
export const ROOTS = ["sessions", "archived_sessions"] as const;

/**
 * Returns the path at which a rollout is in a codex home, plain or compressed. Returns undefined if this home has no such file.
 *
 * Codex's index keeps absolute paths. In a copy of a home, they lead to the original home. If a folder is a link, they may have
 * another name for it.
 */
export function pathInHome(codexHome: string, path: string): string | undefined {
  const home = codexHomeOf(path);
  const below = home === undefined ? undefined : relative(home, path);
  const candidates = [
    // A file outside of the folders of any home may be anywhere in this home. A home inside this one is a different home.
    ...(below === undefined ? (path.startsWith(codexHome + sep) ? [path] : []) : [join(codexHome, below)]),
    ...ROOTS.flatMap((root) => pathBelow(join(codexHome, root), path) ?? []),
  ];
  return candidates.flatMap(forms).find(existsSync);
}

function forms(path: string): string[] {
  const plain = path.replace(/\.zst$/, "");
  return [plain, `${plain}.zst`];
}

/** Returns a path as one below a folder, if it is below it once the links of both are resolved. */
function pathBelow(folder: string, path: string): string | undefined {
  const below = relative(resolvedPath(folder), join(resolvedPath(dirname(path)), basename(path)));
  return isAbsolute(below) || below.split(sep)[0] === ".." ? undefined : join(folder, below);
}

/** Returns whether a file or a folder is in the home's archive. */
export function isArchived(codexHome: string, path: string): boolean {
  const archive = join(codexHome, "archived_sessions");
  return path === archive || path.startsWith(archive + sep);
}
