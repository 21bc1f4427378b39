// Imports types only: the relay loads this file.
import type { Stats } from "node:fs";

/** What makes a directory unfit to hold a socket of this user's alone, after "it"; undefined if it is fit. */
export function directoryFault(found: Stats): string | undefined {
  if (!found.isDirectory()) return "is not a directory";
  if (found.uid !== process.getuid?.()) return `belongs to user ${found.uid}`;
  return (found.mode & 0o077) !== 0 ? "is open to other users" : undefined;
}
