import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import fc from "fast-check";
import { expect, it } from "vitest";
import { readThreadCalls } from "../index.ts";
import { anyRollout } from "../testing/any-rollout.ts";

/** Returns the same lines with a beginning that codex does not write, so that each has to be parsed. */
const toBeParsed = (content: string) => content.replaceAll(/^(?=.)/gm, " ");

/** Reads the calls of a rollout. Omits estimates from the length of a line, and places. */
async function read(path: string, content: string) {
  await writeFile(path, content);
  const { places: _places, compacted, rolledBack, omitted, ...thread } = await readThreadCalls(path);
  return { ...thread, gone: [compacted.calls, rolledBack.calls, omitted.calls] };
}

it("a scan that skips lines finds the same as parsing each line, in any rollout", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  let calls = 0;
  await fc.assert(
    fc.asyncProperty(anyRollout, async (content) => {
      const thread = await read(path, content);
      expect(thread).toEqual(await read(path, toBeParsed(content)));
      calls += thread.calls.length;
    }),
    { numRuns: 400 },
  );
  expect(calls).toBeGreaterThan(100);
});
