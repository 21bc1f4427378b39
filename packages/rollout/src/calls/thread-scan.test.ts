import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import fc from "fast-check";
import { expect, it } from "vitest";
import { readThreadCalls } from "../index.ts";
import { anyRollout } from "../testing/any-rollout.ts";

/** The same lines, none of which begins as codex begins it: each has to be parsed. */
const toBeParsed = (content: string) => content.replaceAll(/^(?=.)/gm, " ");

/** Without what is estimated from the length of a line, and where it stands. */
async function read(path: string, content: string) {
  await writeFile(path, content);
  const { places: _places, compacted, takenBack, omitted, ...thread } = await readThreadCalls(path);
  return { ...thread, gone: [compacted.calls, takenBack.calls, omitted.calls] };
}

it("a scan that passes over lines finds what parsing each line finds, in any rollout", async () => {
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
