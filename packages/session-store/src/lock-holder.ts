import { readFileSync, statSync } from "node:fs";

/** Where SQLite's lock bytes begin: no other program locks that far behind the end of an empty file. */
const SQLITE_LOCK_BYTE = 0x4000_0000;

/**
 * Says which process holds the lock on a file, in words that complete a sentence: for a message, since it is a moment old.
 * Undefined where the system does not say (it is Linux that does), or the holder is gone or in another container.
 */
export function describeHolder(path: string): string | undefined {
  try {
    const { ino } = statSync(path, { bigint: true });
    const pid = holderIn(readFileSync("/proc/locks", "utf8"), ino);
    return pid === undefined ? undefined : pid === process.pid ? "this process" : describeProcess(pid);
  } catch {
    return undefined;
  }
}

/** A line is `12: POSIX  ADVISORY  WRITE 4711 08:01:393218 1073741824 1073742335`; one that waits has `->` behind its number. */
function holderIn(locks: string, inode: bigint): number | undefined {
  for (const line of locks.split("\n")) {
    const [, kind, , , pid = "", file = "", start = ""] = line.trim().split(/\s+/);
    if (kind !== "POSIX" || Number(pid) <= 0 || Number(start) < SQLITE_LOCK_BYTE) continue;
    if (file.slice(file.lastIndexOf(":") + 1) === inode.toString()) return Number(pid);
  }
  return undefined;
}

function describeProcess(pid: number): string {
  const { uid } = statSync(`/proc/${pid}`);
  // A program may give itself any name, line breaks and escape sequences among it.
  const name = readFileSync(`/proc/${pid}/comm`, "utf8").replaceAll(/[^\x20-\x7e]/g, "");
  const owner = uid === process.getuid?.() ? "" : ` of user ${uid}`;
  return `process ${pid} (${name})${owner}`;
}
