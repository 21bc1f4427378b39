import fc from "fast-check";
import { expect, test } from "vitest";
import { keptInputs, seedsOf } from "./corpus.ts";
import { fuzzInputs } from "./fuzz-inputs.ts";
import { checkPrototypes } from "./prototypes.ts";
import { targets } from "./targets.ts";

const SEED = 20_261_126;

test.each(targets)(
  "$name holds for its seeds, for inputs that once broke it, and for random inputs",
  async (target) => {
    for (const bytes of [...seedsOf(target), ...keptInputs(target)])
      for (const chunkLengths of [[], [1], [7, 300]]) await target.run({ bytes, chunkLengths });
    const runs = target.isSlow ? 150 : 500;
    await fc.assert(
      fc.asyncProperty(fuzzInputs(seedsOf(target)), async (input) => {
        await target.run(input);
        checkPrototypes();
      }),
      { seed: SEED, numRuns: runs },
    );
  },
);

test("each target has seeds and a unique name", () => {
  expect(targets.filter((target) => seedsOf(target).length === 0)).toEqual([]);
  expect(new Set(targets.map(({ name }) => name)).size).toBe(targets.length);
});
