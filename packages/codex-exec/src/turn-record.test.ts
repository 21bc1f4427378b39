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
  for (const event of events) parser.write(Buffer.from(`${JSON.stringify(event)}\n`));
  return record.result({ ...OVER, ...end });
}

describe("how a turn ended", () => {
  test.each<[name: string, events: object[], end: Partial<CliEnd>, expected: object]>([
    ["completed", [COMPLETED], {}, { status: "completed", threadUsage: { input_tokens: 3 } }],
    ["after a retry", [RETRY, COMPLETED], {}, { status: "completed" }],
    ["completed before the cancel", [COMPLETED], { ending: { reason: "cancelled" } }, { status: "completed" }],
    ["cancelled", [], { exitCode: 1, ending: { reason: "cancelled" } }, { status: "cancelled" }],
    [
      "cancelled, and failed because of it",
      [FAILED],
      { exitCode: 1, ending: { reason: "cancelled" } },
      { status: "cancelled" },
    ],
    [
      "at its time limit",
      [],
      { exitCode: 1, ending: { reason: "timed_out", afterMs: 70 } },
      { status: "failed", error: { code: "timed_out", message: expect.stringContaining("70 ms") } },
    ],
    ["failed", [FAILED], { exitCode: 1 }, { error: { code: "not_signed_in", exitCode: 1 } }],
    ["failed, whatever the exit code says", [FAILED], {}, { error: { code: "not_signed_in" } }],
    ["killed", [], { exitCode: null, signal: "SIGKILL" }, { error: { code: "crashed", signal: "SIGKILL" } }],
    ["completed, then a failed exit", [COMPLETED], { exitCode: 101 }, { error: { code: "crashed", exitCode: 101 } }],
    ["exited without any event", [], {}, { error: { code: "incomplete" } }],
    [
      "reported on stderr",
      [],
      { exitCode: 1, stderr: "Error: no rollout found for thread id x (code -32600)\n" },
      { error: { code: "thread_not_found", detail: expect.stringContaining("-32600") } },
    ],
    [
      "reported on stderr, about a thread that is damaged in an unknown way",
      [],
      {
        exitCode: 1,
        stderr: "noise\nError: thread/resume: thread/resume failed: moth in line 7\n\nStack backtrace:\n 0: x",
      },
      { error: { code: "thread_unreadable", message: expect.stringMatching(/Codex said: .*moth in line 7$/) } },
    ],
    [
      "reported on stderr, about a machine with too many open files",
      [],
      { exitCode: 1, stderr: "Error: thread/resume: failed to read thread: Too many open files (os error 24)" },
      { error: { code: "failed" } },
    ],
    [
      "a line on stderr about a thread, not written by codex itself",
      [],
      { exitCode: 1, stderr: "INFO mcp: no rollout found for thread id x\n" },
      { error: { code: "failed" } },
    ],
    ["reported only by the last error", [RETRY], { exitCode: 1 }, { error: { code: "connection_lost" } }],
    ["not reported", [], { exitCode: 1 }, { error: { code: "failed" } }],
  ])("%s", (_name, events, end, expected) => {
    expect(resultOf(events, end)).toMatchObject(expected);
  });
});

/** Texts that a tool can print, and that codex with RUST_LOG=info then writes to stderr. */
const FORGED = [
  "Error: thread/resume: thread/resume failed: no rollout found for thread id x (code -32600)",
  "Error: thread/resume: thread/resume failed: rollout is empty (code -32603)",
  "session x is archived",
];

describe.each(FORGED)("once the turn may have started, stderr says nothing about its thread: %s", (text) => {
  test.each<[name: string, line: string]>([
    ["it has started", '{"type":"turn.started"}'],
    ["an item arrived", '{"type":"item.started","item":{"id":"item_0","type":"command_execution","command":"x"}}'],
    ["an unknown event arrived", '{"type":"turn.begun"}'],
    ["a line can't be read", '{"type":"turn.sta'],
  ])("%s", (_name, line) => {
    const record = new TurnRecord();
    const note = (event: ParsedEvent) => record.note(event);
    const parser = createEventParser({ onEvent: note, onUnknown: note, onMalformed: note, onOversized: note });
    parser.write(Buffer.from(`{"type":"thread.started","thread_id":"t"}\n${line}\n`));
    parser.end();
    const result = record.result({ ...OVER, exitCode: 1, stderr: `INFO a tool said\n${text}\n` });
    expect(["crashed", "failed"]).toContain(result.status === "failed" && result.error.code);
  });
});

test("keeps the thread and the last message", () => {
  const message = (text: string) => ({ type: "item.completed", item: { id: "item_0", type: "agent_message", text } });
  const events = [{ type: "thread.started", thread_id: "t" }, message("first"), message("last"), COMPLETED];
  expect(resultOf(events, {})).toMatchObject({ threadId: "t", lastMessage: "last" });
  expect(resultOf(events.slice(0, 2), { exitCode: 1 })).toMatchObject({ threadId: "t", lastMessage: "first" });
});
