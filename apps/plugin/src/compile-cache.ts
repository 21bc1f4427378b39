import { lstatSync, mkdirSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import { cacheFolder } from "@plexum/session-store/cache-folder";

/**
 * Lets Node keep compiled code for the next start, in the user's cache folder. Node's default is in the shared temporary folder, under a
 * name that any user can create first, and Node runs the code that it finds there.
 */
export function keepCompiled(): void {
  try {
    const folder = join(cacheFolder(), "compiled");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (isPrivate(folder)) module.enableCompileCache?.(folder);
  } catch {
    // A service may have no writable home. Then it starts a few milliseconds slower.
  }
}

/** Returns whether only this user can write to a folder. A link does not count. Windows has no such modes; its caches are in the user's profile. */
function isPrivate(folder: string): boolean {
  if (process.getuid === undefined) return true;
  const { uid, mode } = lstatSync(folder);
  return uid === process.getuid() && (mode & 0o022) === 0;
}
