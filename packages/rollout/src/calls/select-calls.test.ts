import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import { expect, it } from "vitest";
import { consumeHeavy, consumeLight, mutateRollout, readThreadCalls, selectCalls, type ThreadCall } from "../index.ts";
import { sampleCalls, sampleRollout } from "../testing/sample-rollout.ts";

const call = (callId: string, more: Partial<ThreadCall> = {}): ThreadCall => ({
  callId,
  name: "read",
  kind: "function",
  turn: 1,
  argumentsExcerpt: "{}",
  bytes: 400,
  tokens: 100,
  state: "in-context",
  isInherited: false,
  isIdReused: false,
  isConsumed: false,
  ...more,
});

const thread = {
  turnCount: 4,
  calls: [
    call("old"),
    call("large", { tokens: 5_000, turn: 2 }),
    call("shell", { name: "shell", turn: 3 }),
    call("newest", { turn: 4 }),
    call("nested", { kind: "nested", tokens: 0 }),
    call("gone", { state: "compacted" }),
    call("back", { state: "rolled-back" }),
    call("parents", { isInherited: true }),
    call("done", { isConsumed: true }),
    call("again", { isIdReused: true }),
  ],
};

it.each([
  [{}, ["old", "large", "shell", "newest"]],
  [{ olderThanTurns: 0 }, ["old", "large", "shell"]],
  [{ olderThanTurns: 2 }, ["old"]],
  [{ olderThanTurns: 3 }, []],
  [{ largerThanTokens: 100 }, ["large"]],
  [{ largerThanTokens: 99, olderThanTurns: 1 }, ["old", "large"]],
  [{ tool: "shell" }, ["shell"]],
  [{ tool: "rea" }, []],
  [{ callIds: ["nested", "old", "gone", "back", "parents", "done", "again", "unknown"] }, ["old", "nested"]],
  [{ callIds: [] }, []],
])("by %j", (rules, expected) => {
  expect(selectCalls(thread, rules).map(({ callId }) => callId)).toEqual(expected);
});

it("omits calls that were consumed in a rollout", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  await writeFile(path, sampleRollout(sampleCalls(4)));
  await mutateRollout(path, [consumeLight("call_1"), consumeHeavy("call_3")]);
  const left = selectCalls(await readThreadCalls(path)).map(({ callId }) => callId);
  expect(left).toEqual(["call_0", "call_2"]);
});
