import type { CliEnd } from "@plexum/cli-turn";
import { createEventParser, type ParsedEvent } from "@plexum/codex-jsonl";
import { describe, expect, test } from "vitest";
import { TurnRecord } from "./turn-record.ts";

const OVER: CliEnd = { exitCode: 0, signal: null, ending: undefined, stderr: "" };
const COMPLETED = { type: "turn.completed", usage: { input_tokens: 3, output_tokens: 1 } };
const FAILED = { type: "turn.failed", error: { message: "unexpected status 401 Unauthorized" } };
const RETRY = { type: "error", message: "Reconnecting... 1/4 (stream disconnected before completion)" };

function resultOf(events: object[], end: Partial<CliEnd>) {
  const record = new TurnRecord();
  const note = (event: ParsedEvent) => record.note(event);
  const parser = createEventParser({ onEvent: note, onUnknown: note, onMalformed: note, onOversized: note });
  for (const event of events) parser.feed(Buffer.from(`${JSON.stringify(event)}\n`));
  return record.result({ ...OVER, ...end });
}

describe("how a turn ended", () => {
  test.each<[name: string, events: object[], end: Partial<CliEnd>, expected: object]>([
    ["completed", [COMPLETED], {}, { status: "completed", threadUsage: { input_tokens: 3 } }],
    ["after a retry", [RETRY, COMPLETED], {}, { status: "completed" }],
    ["completed before the cancel came", [COMPLETED], { ending: { reason: "cancelled" } }, { status: "completed" }],
    ["cancelled", [], { exitCode: 1, ending: { reason: "cancelled" } }, { status: "cancelled" }],
    [
      "cancelled, and failing on that",
      [FAILED],
      { exitCode: 1, ending: { reason: "cancelled" } },
      { status: "cancelled" },
    ],
    [
      "out of time",
      [],
      { exitCode: 1, ending: { reason: "timed_out", afterMs: 70 } },
      { status: "failed", error: { code: "timed_out", message: expect.stringContaining("70 ms") } },
    ],
    ["failed", [FAILED], { exitCode: 1 }, { error: { code: "not_signed_in", exitCode: 1 } }],
    ["failed, whatever the exit code says", [FAILED], {}, { error: { code: "not_signed_in" } }],
    ["killed", [], { exitCode: null, signal: "SIGKILL" }, { error: { code: "crashed", signal: "SIGKILL" } }],
    ["completed, then not well", [COMPLETED], { exitCode: 101 }, { error: { code: "crashed", exitCode: 101 } }],
    ["without a word", [], {}, { error: { code: "incomplete" } }],
    [
      "told on stderr",
      [],
      { exitCode: 1, stderr: "Error: no rollout found for thread id x (code -32600)\n" },
      { error: { code: "thread_not_found", detail: expect.stringContaining("-32600") } },
    ],
    ["told by the last error alone", [RETRY], { exitCode: 1 }, { error: { code: "connection_lost" } }],
    ["not told", [], { exitCode: 1 }, { error: { code: "failed" } }],
  ])("%s", (_name, events, end, expected) => {
    expect(resultOf(events, end)).toMatchObject(expected);
  });
});

test("keeps the thread and the last message", () => {
  const message = (text: string) => ({ type: "item.completed", item: { id: "item_0", type: "agent_message", text } });
  const events = [{ type: "thread.started", thread_id: "t" }, message("first"), message("last"), COMPLETED];
  expect(resultOf(events, {})).toMatchObject({ threadId: "t", lastMessage: "last" });
  expect(resultOf(events.slice(0, 2), { exitCode: 1 })).toMatchObject({ threadId: "t", lastMessage: "first" });
});
