import { readdirSync, readFileSync } from "node:fs";

let next = 0;

/** Returns a large number of seconds that identifies one test's `sleep`. */
export const uniqueSeconds = (): number => 1_000_000 + (process.pid % 100_000) * 100 + next++;

/** Returns the ids of the processes that run `sleep <seconds>`. */
export function sleepers(seconds: number): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && commandOf(pid) === `sleep\0${seconds}\0`);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
