import { readFileSync, statSync } from "node:fs";

/** The offset of SQLite's lock bytes. No other program locks bytes so far beyond the end of an empty file. */
const SQLITE_LOCK_BYTE = 0x4000_0000;

/**
 * Describes the process that holds the lock on a file, for use in a message. The holder may have changed in the meantime. Returns
 * undefined if the holder is gone or in another container, and on systems other than Linux, which don't report it.
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

/** A line is `12: POSIX  ADVISORY  WRITE 4711 08:01:393218 1073741824 1073742335`; a waiting one has `->` after its number. */
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
  // A program can choose any name for itself, even with line breaks and escape sequences.
  const name = readFileSync(`/proc/${pid}/comm`, "utf8").replaceAll(/[^\x20-\x7e]/g, "");
  const owner = uid === process.getuid?.() ? "" : ` of user ${uid}`;
  return `process ${pid} (${name})${owner}`;
}
