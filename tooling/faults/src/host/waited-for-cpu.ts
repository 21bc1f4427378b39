import { readFileSync } from "node:fs";

/** Returns how long this process was runnable but waited for a CPU, in milliseconds; 0 if the system does not report it. */
export function waitedForCpuMs(): number {
  try {
    // Time on a CPU, time of waiting for one, both in nanoseconds.
    const [, waited] = readFileSync("/proc/self/schedstat", "utf8").split(" ");
    return Number(waited) / 1e6;
  } catch {
    return 0;
  }
}
