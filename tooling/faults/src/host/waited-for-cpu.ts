import { readFileSync } from "node:fs";

/** How long this process has been ready to run while the machine ran others, in milliseconds; 0 where the system does not say. */
export function waitedForCpuMs(): number {
  try {
    // Time on a CPU, time of waiting for one, both in nanoseconds.
    const [, waited] = readFileSync("/proc/self/schedstat", "utf8").split(" ");
    return Number(waited) / 1e6;
  } catch {
    return 0;
  }
}
