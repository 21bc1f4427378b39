// Imports types only: the relay loads this file.
import type { Stats } from "node:fs";

/** Returns why a directory can't protect this user's socket, as the end of a sentence; undefined if it can. */
export function directoryFault(found: Stats): string | undefined {
  if (!found.isDirectory()) return "is not a directory";
  if (found.uid !== process.getuid?.()) return `belongs to user ${found.uid}`;
  return (found.mode & 0o077) !== 0 ? "is open to other users" : undefined;
}
