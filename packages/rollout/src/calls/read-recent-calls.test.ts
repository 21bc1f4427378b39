import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import { expect, it } from "vitest";
import { readThreadCalls } from "../index.ts";

const line = (type: string, payload: object) =>
  `${JSON.stringify({ timestamp: "2026-01-02T03:04:05.678Z", ordinal: 7, type, payload })}\n`;
const turn = (name: string, output = "done") =>
  line("event_msg", { type: "task_started", turn_id: name }) +
  line("event_msg", { type: "user_message", message: name }) +
  line("response_item", { type: "function_call", name: "read", arguments: "{}", call_id: `call_${name}` }) +
  line("response_item", { type: "function_call_output", call_id: `call_${name}`, output });
const compacted = (history: object[] = []) => line("compacted", { message: "sum", replacement_history: history });
const rolledBack = (turns: number) => line("event_msg", { type: "thread_rolled_back", num_turns: turns });

const begin =
  line("session_meta", { id: "t" }) +
  turn("a") +
  turn("b") +
  line("event_msg", { type: "agent_message", message: "x".repeat(8_000_000) }).repeat(9);

it.each([
  ["skips what a compaction has summarized", turn("c") + compacted() + turn("d"), ["call_d"], true],
  [
    "keeps what follows a compaction in the same turn",
    turn("c") + compacted() + turn("d").slice(turn("d").indexOf('{"timestamp"', 200)),
    ["call_d"],
    true,
  ],
  ["reads everything if nothing was compacted", turn("c"), ["call_a", "call_b", "call_c"], false],
  [
    "reads everything if the compaction was rolled back",
    turn("c") + compacted() + rolledBack(1) + turn("d"),
    ["call_a", "call_b", "call_d"],
    false,
  ],
  [
    "reads everything if a rollback reaches farther back",
    turn("c") + compacted() + turn("d") + rolledBack(3) + turn("e"),
    ["call_a", "call_e"],
    false,
  ],
  [
    "reads everything if the compaction kept calls",
    turn("c") + compacted([{ type: "function_call", call_id: "call_a" }]) + turn("d"),
    ["call_a", "call_d"],
    false,
  ],
])("a long rollout: %s", async (_what, rest, ids, isSkipped) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  await writeFile(path, begin);
  await appendFile(path, rest);
  const recent = await readThreadCalls(path, { inContextOnly: true });
  expect(recent.calls.map(({ callId }) => callId)).toEqual(ids);
  expect(recent.skippedBytes > 0).toBe(isSkipped);
  const all = await readThreadCalls(path);
  expect(all.calls.filter(({ state }) => state === "in-context").map(({ callId }) => callId)).toEqual(ids);
  expect(all.skippedBytes).toBe(0);
});
