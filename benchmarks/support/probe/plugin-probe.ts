/**
 * Loaded into the plugin's process by `--import`: on SIGUSR2 it collects the garbage and writes what the process holds, and
 * how late its timers were since the last time, to the file that PLUGIN_PROBE names.
 */
import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

/** A timer of this period is what measures: it is part of every reading. */
const RESOLUTION_MS = 5;

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);

process.on("SIGUSR2", () => {
  const p99 = late(delay.percentile(99));
  const most = late(delay.max);
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  writeFileSync(
    process.env.PLUGIN_PROBE as string,
    `${JSON.stringify({ heapUsed, external, arrayBuffers, resources, delayP99: p99, delayMax: most })}\n`,
  );
  delay.reset();
});
