import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import { expect, it } from "vitest";
import { consumeHeavy, consumeLight, mutateRollout, readThreadCalls, selectCalls } from "../index.ts";

const line = (type: string, payload: object) =>
  `${JSON.stringify({ timestamp: "2026-01-02T03:04:05.678Z", ordinal: 7, type, payload })}\n`;

/** Returns more calls than are listed. They get smaller from the first to the last. */
function manyCalls(count: number): string {
  let text = line("event_msg", { type: "task_started", turn_id: "a" });
  for (let call = 0; call < count; call++) {
    const call_id = `call_${call}`;
    const cmd = "x".repeat(40);
    text +=
      line("response_item", { type: "function_call", name: "read", arguments: JSON.stringify({ cmd }), call_id }) +
      line("response_item", { type: "function_call_output", call_id, output: "y".repeat(200 + (count - call) / 10) });
  }
  return text + line("event_msg", { type: "task_complete", turn_id: "a" });
}

it.each([
  ["light", consumeLight, ""],
  ["heavy", consumeHeavy, ""],
  ["light, in lines that have to be parsed", consumeLight, " "],
  ["heavy, in lines that have to be parsed", consumeHeavy, " "],
])("the calls that were consumed do not hide smaller ones: %s", async (_what, consume, indent) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  const count = 10_100;
  await writeFile(path, manyCalls(count).replaceAll(/^(?=.)/gm, indent));
  const first = await readThreadCalls(path);
  expect(first.omitted.calls).toBe(count - 2_000);
  const consumed = new Set(selectCalls(first).map(({ callId }) => callId));
  await mutateRollout(path, Array.from(consumed, consume));
  const second = await readThreadCalls(path);
  const next = selectCalls(second).map(({ callId }) => callId);
  expect(next).toHaveLength(2_000);
  expect(next.filter((callId) => consumed.has(callId))).toEqual([]);
  const left = second.omitted.tokens + second.calls.reduce((sum, { tokens }) => sum + tokens, 0);
  const before = first.omitted.tokens + first.calls.reduce((sum, { tokens }) => sum + tokens, 0);
  expect(left / before).toBeLessThan(0.8);
});
