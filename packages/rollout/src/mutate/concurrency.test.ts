import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import { expect, it } from "vitest";
import { consumeHeavy, consumeLight, mutateRollout, RolloutError, readRollout } from "../index.ts";
import { sampleCalls, sampleRollout } from "../testing/sample-rollout.ts";

const calls = sampleCalls(20, 6_000);
const ids = calls.map((call) => call.callId);

it("a reader sees each line as before a mutation or as after it", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "read.jsonl");
  await writeFile(path, sampleRollout(calls, 2_000));
  let isOver = false;
  const reading = (async () => {
    let lines = 0;
    while (!isOver || lines === 0)
      for await (const entry of readRollout(path)) {
        expect(entry.kind, `line at ${entry.offset}`).toBe("line");
        lines++;
      }
    return lines;
  })();
  for (let turn = 0; turn < 100; turn++) {
    const report = await mutateRollout(path, ids.map(turn % 2 === 0 ? consumeLight : consumeHeavy));
    expect(report).toMatchObject({ mode: "in-place", touched: ids });
  }
  isOver = true;
  expect(await reading).toBeGreaterThan(0);
});

it("two mutations at once both succeed, or one fails with a typed busy error", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "two.jsonl");
  await writeFile(path, sampleRollout(calls));
  const both = [ids.slice(0, 10), ids.slice(10)].map((some) => mutateRollout(path, some.map(consumeLight)));
  expect(await Promise.all(both)).toMatchObject([{ touched: ids.slice(0, 10) }, { touched: ids.slice(10) }]);
  const hasty = [1, 2, 3].map(() => mutateRollout(path, ids.map(consumeHeavy), { waitMs: 0 }));
  const outcomes = await Promise.allSettled(hasty);
  expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(0);
  for (const outcome of outcomes)
    if (outcome.status === "rejected")
      expect(RolloutError.isInstance(outcome.reason) && outcome.reason.code).toBe("busy");
});
