import { readFileSync } from "node:fs";

/** Returns whether a process is running. A process that has ended is not, even if its exit code has not been read. Linux only. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !["Z", "X"].includes(stat.charAt(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
