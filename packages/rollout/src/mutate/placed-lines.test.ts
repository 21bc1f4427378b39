import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Files, nodeFiles } from "@plexum/jsonl-edit";
import { temporaryFolder } from "@plexum/test-support";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type CallEdit, consumeHeavy, consumeLight, mutateRollout, readThreadCalls } from "../index.ts";
import { anyCallId, anyRollout } from "../testing/any-rollout.ts";
import { sampleCalls, sampleRollout } from "../testing/sample-rollout.ts";
import { mutateWith } from "./mutate-rollout.ts";

const anyEdits = fc
  .uniqueArray(anyCallId, { minLength: 1 })
  .chain((some) => fc.tuple(...some.map((id) => fc.constantFrom(consumeLight(id), consumeHeavy(id)))));

/** Mutates a copy of a rollout. Returns the report and the new content. */
async function mutated(folder: string, content: string, edits: readonly CallEdit[], options: object) {
  const path = join(folder, "copy.jsonl");
  await writeFile(path, content);
  const report = await mutateRollout(path, edits, { estimate: true, ...options });
  const after = await readFile(path, "utf8");
  await rm(path);
  return { report, after };
}

it("a mutation with places does the same as without them, for any rollout and anything appended since", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  let edited = 0;
  await fc.assert(
    fc.asyncProperty(anyRollout, fc.oneof(fc.constant(""), anyRollout), anyEdits, async (content, appended, edits) => {
      await rm(path, { force: true });
      await writeFile(path, content);
      const { places } = await readThreadCalls(path);
      await appendFile(path, appended);
      const report = await mutateRollout(path, edits, { estimate: true, places });
      const expected = await mutated(folder.path, content + appended, edits, {});
      expect(report).toEqual(expected.report);
      expect(await readFile(path, "utf8")).toBe(expected.after);
      if (report.mode === "in-place") edited++;
    }),
    { numRuns: 200 },
  );
  expect(edited).toBeGreaterThan(30);
});

it("places of a file that was rewritten in the same inode do not change the result", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  await fc.assert(
    fc.asyncProperty(anyRollout, anyRollout, anyEdits, async (content, other, edits) => {
      await writeFile(path, content);
      const { places } = await readThreadCalls(path);
      await writeFile(path, `${other}${" ".repeat(content.length)}\n`);
      const expected = await mutated(folder.path, await readFile(path, "utf8"), edits, {});
      // The estimate may be that of the old file.
      const report = await mutateRollout(path, edits, { places });
      expect({ ...report, cost: expected.report.cost }).toEqual(expected.report);
      expect(await readFile(path, "utf8")).toBe(expected.after);
    }),
    { numRuns: 200 },
  );
});

it("with places, a mutation reads only the calls' own lines and what was appended since", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  const calls = sampleCalls(20, 2_000);
  await writeFile(path, sampleRollout(calls, 300_000));
  const thread = await readThreadCalls(path);
  await appendFile(path, '{"type":"event_msg","payload":{"type":"agent_message","message":"go on"}}\n');
  let bytesRead = 0;
  const files: Files = {
    ...nodeFiles,
    async open(...args) {
      const file = await nodeFiles.open(...args);
      const read: typeof file.read = (buffer, offset, length, position) => {
        bytesRead += length;
        return file.read(buffer, offset, length, position);
      };
      return { ...file, read };
    },
  };
  const edits = [consumeLight("call_0"), consumeHeavy("call_10")];
  expect(await mutateWith(files, path, edits, { places: thread.places })).toMatchObject({
    mode: "in-place",
    touched: ["call_0", "call_10"],
  });
  expect(bytesRead).toBeLessThan(300_000);
  bytesRead = 0;
  expect(await mutateWith(files, path, edits, {})).toMatchObject({ mode: "unchanged", touched: ["call_0", "call_10"] });
  expect(bytesRead).toBeGreaterThan(5_000_000);
});
