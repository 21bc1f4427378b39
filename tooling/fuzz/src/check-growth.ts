import type { FuzzTarget } from "./fuzz-target.ts";
import type { GrowingInput } from "./growing-inputs.ts";

/** Twice the input may take so many times the time. */
export const MOST_FOR_TWICE = 2.5;

/** Below this, what is measured is the clock. */
const ENOUGH_MS = 40;
const SMALL = 32 * 1024;
const MOST_BYTES = 4 * 1024 * 1024;
/** A machine that does something else meanwhile only makes a run longer: the shortest of some counts. */
const TRIES = 6;

export interface Growth {
  readonly input: string;
  readonly bytes: number;
  readonly ms: number;
  /** How many times as long twice of it took; undefined if no size that was tried takes long enough to tell. */
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
  const [once, twice] = [input.of(size), input.of(2 * size)];
  let ratio = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && ratio > MOST_FOR_TWICE; attempt++) {
    ms = await shortest(target, once, TRIES);
    ratio = Math.min(ratio, (await shortest(target, twice, TRIES)) / ms);
  }
  return result(size, ms, ratio);
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
  const start = performance.now();
  await target.run({ bytes, chunkLengths: [64 * 1024] });
  return performance.now() - start;
}
