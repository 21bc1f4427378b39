import { lstatSync, mkdirSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import { cacheFolder } from "@plexum/session-store/cache-folder";

/**
 * Lets Node keep what it compiles for the next start, in the user's cache folder. Not where Node does it by itself: that is
 * in the shared temp folder, under a name that anybody can take first, and what lies there is run.
 */
export function keepCompiled(): void {
  try {
    const folder = join(cacheFolder(), "compiled");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (isOwnAlone(folder)) module.enableCompileCache?.(folder);
  } catch {
    // A service may have no home to write to: it starts some milliseconds slower.
  }
}

/** A link counts as nobody's. Windows has no such modes; its caches are in the user's own profile. */
function isOwnAlone(folder: string): boolean {
  if (process.getuid === undefined) return true;
  const { uid, mode } = lstatSync(folder);
  return uid === process.getuid() && (mode & 0o022) === 0;
}
