import type { FuzzTarget } from "./fuzz-target.ts";
import type { GrowingInput } from "./growing-inputs.ts";

/** The limit of the growth in time for twice the input. */
export const MOST_FOR_TWICE = 2.5;

/** Shorter times measure only the clock. */
const ENOUGH_MS = 40;
const SMALL = 16 * 1024;
const MOST_BYTES = 4 * 1024 * 1024;
/** A garbage collection only makes a run longer, so the shortest of several runs counts. */
const TRIES = 4;

export interface Growth {
  readonly input: string;
  readonly bytes: number;
  readonly ms: number;
  /**
   * The growth in time for twice the input, and for twice that again: the smaller of the two, since a full cache makes one step
   * large. Undefined if no tried size takes long enough to measure.
   */
  readonly ratio: number | undefined;
}

/**
 * Measures how the time grows with the input. First checks roughly, since nearly all forms are fast: eight times the input
 * passes if it takes less than twenty times the time.
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
  // This thread's CPU time: other programs on the machine don't count.
  const start = process.threadCpuUsage();
  await target.run({ bytes, chunkLengths: [64 * 1024] });
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / 1000;
}
