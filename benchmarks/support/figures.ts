/** Helpers of several benchmarks: medians, and whole processes timed from outside. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/**
 * Measures pairs of runs one after another. Their order alternates, so that neither always benefits from caches that the other has
 * filled.
 */
export async function alternately(
  pairs: number,
  plugin: () => Promise<number>,
  bare: () => Promise<number>,
): Promise<{ plugin: number; bare: number }[]> {
  const measured: { plugin: number; bare: number }[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    if (pair % 2 === 0) measured.push({ plugin: await plugin(), bare: await bare() });
    else {
      const alone = await bare();
      measured.push({ plugin: await plugin(), bare: alone });
    }
  }
  return measured;
}

/** Returns the milliseconds from the start of a process to its end. */
export function timeProcess(command: string, args: readonly string[]): number {
  const start = performance.now();
  const { status } = spawnSync(command, args, { stdio: "ignore" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`);
  return performance.now() - start;
}

/** Returns the milliseconds from the start of a process with some input to its first byte of output. Then lets the process end. */
export async function timeFirstByte(
  command: string,
  args: readonly string[],
  input: string,
  env = process.env,
): Promise<number> {
  const start = performance.now();
  const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.write(input);
  await once(child.stdout, "data");
  const elapsed = performance.now() - start;
  const exited = once(child, "exit");
  child.stdout.resume();
  child.stdin.end();
  await exited;
  return elapsed;
}

export const milliseconds = (value: number) => `${value.toFixed(1)} ms`;
