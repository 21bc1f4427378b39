/**
 * Runs a target on random inputs and measures how its time grows, in its own thread. From `progress` the main thread sees that an
 * input never ends, and which one it is.
 */
import { parentPort, workerData } from "node:worker_threads";
import fc from "fast-check";
import { growthOf, MOST_FOR_TWICE } from "./check-growth.ts";
import { keptInputs, seedsOf } from "./corpus.ts";
import { fuzzInputs } from "./fuzz-inputs.ts";
import type { FuzzInput, FuzzTarget } from "./fuzz-target.ts";
import { growingInputs } from "./growing-inputs.ts";
import { Progress } from "./progress.ts";
import { checkPrototypes } from "./prototypes.ts";
import { targets } from "./targets.ts";

export interface FuzzJob {
  readonly target: string;
  readonly seconds: number;
  readonly growthSeconds: number;
  readonly seed: number;
  readonly progress: SharedArrayBuffer;
}

export interface FuzzReport {
  readonly runs: number;
  readonly failure: { readonly error: string; readonly bytes: Uint8Array } | undefined;
  readonly slowest: { readonly ms: number; readonly bytes: number };
  readonly formsMeasured: number;
  readonly formsLeft: number;
  /** The forms for which twice the input takes too long. */
  readonly superlinear: readonly string[];
}

const job = workerData as FuzzJob;
const progress = new Progress(job.progress);
const target = targets.find(({ name }) => name === job.target) as FuzzTarget;
const seeds = seedsOf(target);
let runs = 0;
let current: Promise<void> | void;
let slowest = { ms: 0, bytes: 0 };

const watched: FuzzTarget = {
  ...target,
  async run(input) {
    progress.begins(input.bytes);
    const start = performance.now();
    current = target.run(input);
    await current;
    const ms = performance.now() - start;
    progress.ends();
    checkPrototypes();
    runs++;
    if (ms > slowest.ms) slowest = { ms, bytes: input.bytes.length };
  },
};

const failure = (await kept()) ?? (await random());
const report: FuzzReport = { runs, failure, slowest, ...(failure ? nothingMeasured() : await growth()) };
parentPort?.postMessage(report);

/** Runs the inputs that once broke the target first. */
async function kept(): Promise<FuzzReport["failure"]> {
  for (const bytes of keptInputs(target)) {
    for (const chunkLengths of [[], [1], [7, 3]]) {
      try {
        await watched.run({ bytes, chunkLengths });
      } catch (error) {
        return { error: describe(error), bytes };
      }
    }
  }
  return undefined;
}

async function random(): Promise<FuzzReport["failure"]> {
  const property = fc.asyncProperty(fuzzInputs(seeds), async (input) => watched.run(input));
  const result = await fc.check<[FuzzInput]>(property, {
    seed: job.seed,
    numRuns: 2 ** 31 - 1,
    interruptAfterTimeLimit: job.seconds * 1000,
  });
  // When the time is up, a run may still be in progress.
  await Promise.resolve(current).catch(() => {});
  const [input] = result.counterexample ?? [];
  if (!result.failed || input === undefined) return undefined;
  return { error: describe(result.errorInstance), bytes: input.bytes };
}

async function growth(): Promise<Pick<FuzzReport, "formsMeasured" | "formsLeft" | "superlinear">> {
  const inputs = growingInputs(seeds);
  const superlinear: string[] = [];
  const until = performance.now() + job.growthSeconds * 1000;
  let formsMeasured = 0;
  for (const input of scattered(inputs)) {
    if (performance.now() > until) break;
    const { bytes, ms, ratio } = await growthOf(watched, input);
    formsMeasured++;
    if (ratio !== undefined && ratio > MOST_FOR_TWICE)
      superlinear.push(
        `${input.name}: ${bytes} bytes take ${ms.toFixed(0)} ms, twice as many ${ratio.toFixed(1)} × that`,
      );
  }
  return { formsMeasured, formsLeft: inputs.length - formsMeasured, superlinear };
}

/** Shuffles the forms: neighbors are alike, and if there is no time for all, the measured ones should be from everywhere. */
function scattered<T>(items: readonly T[]): T[] {
  const random = fc.sample(fc.infiniteStream(fc.nat()), { seed: job.seed, numRuns: 1 })[0];
  const ranks = new Map(items.map((item) => [item, random?.next().value as number]));
  return items.toSorted((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0));
}

function nothingMeasured() {
  return { formsMeasured: 0, formsLeft: 0, superlinear: [] };
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.stack ?? error.message}` : String(error);
}
