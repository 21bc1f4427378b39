import type { FuzzTarget } from "./fuzz-target.ts";
import type { GrowingInput } from "./growing-inputs.ts";

/** Twice the input may take so many times the time. */
export const MOST_FOR_TWICE = 2.5;

/** Below this, what is measured is the clock. */
const ENOUGH_MS = 40;
const SMALL = 16 * 1024;
const MOST_BYTES = 4 * 1024 * 1024;
/** A garbage collection only makes a run longer: the shortest of some counts. */
const TRIES = 4;

export interface Growth {
  readonly input: string;
  readonly bytes: number;
  readonly ms: number;
  /**
   * How many times as long twice of it took, and twice of that: the smaller of the two, since a cache that is full makes one step
   * a large one. Undefined if no size that was tried takes long enough to tell.
   */
  readonly ratio: number | undefined;
}

/**
 * Measures how the time grows with the input. At first in a coarse way, since nearly all forms are read in no time: eight times the
 * input in less than twenty times the time passes.
 */
export async function growthOf(target: FuzzTarget, input: GrowingInput): Promise<Growth> {
  const result = (bytes: number, ms: number, ratio?: number): Growth => ({ input: input.name, bytes, ms, ratio });
  const small = await timeOf(target, input.of(SMALL));
  const eightfold = await timeOf(target, input.of(8 * SMALL));
  if (eightfold < 5 || eightfold < 20 * small) return result(8 * SMALL, eightfold);
  let size = SMALL;
  let ms = small;
  while (ms < ENOUGH_MS && size < MOST_BYTES) {
    size *= 2;
    ms = await shortest(target, input.of(size), 2);
  }
  if (ms < ENOUGH_MS) return result(size, ms);
  const once = await shortest(target, input.of(size), TRIES);
  const twice = await shortest(target, input.of(2 * size), TRIES);
  if (twice <= MOST_FOR_TWICE * once) return result(size, once, twice / once);
  const fourTimes = await shortest(target, input.of(4 * size), TRIES);
  return result(size, once, Math.min(twice / once, fourTimes / twice));
}

async function shortest(target: FuzzTarget, bytes: Buffer, tries: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < tries; attempt++) {
    least = Math.min(least, await timeOf(target, bytes));
    if (least > 2000) break;
  }
  return least;
}

async function timeOf(target: FuzzTarget, bytes: Buffer): Promise<number> {
  // What this thread worked: other programs on the machine don't count.
  const start = process.threadCpuUsage();
  await target.run({ bytes, chunkLengths: [64 * 1024] });
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / 1000;
}
