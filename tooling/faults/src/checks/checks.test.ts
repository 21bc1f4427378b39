import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ProviderEvent } from "@plexum/plugin-sdk";
import { ModelRequest } from "@plexum/scripted-model";
import { lockThread, lockWorkspace } from "@plexum/session-store";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { HostRecord, type StreamRecord } from "../host/host-record.ts";
import { snapshotOf } from "../host/rollout-snapshot.ts";
import type { Consumption } from "../host/workspace-state.ts";
import { checkCalls } from "./check-calls.ts";
import { checkLeftovers } from "./check-leftovers.ts";
import { checkRequest } from "./check-request.ts";
import { checkRollout } from "./check-rollout.ts";
import { checkStream } from "./check-stream.ts";

// Each check gets a correct input, and then the same input with one fault.

const USAGE = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, thinking_tokens: 0 };
const START: ProviderEvent = { type: "message_start" };
const END: ProviderEvent = { type: "message_end", stop_reason: "end_turn", usage: USAGE };
const callEvents = (id: string): ProviderEvent[] => [
  { type: "tool_call_start", tool_call: { id, name: "lookup" } },
  { type: "tool_call_delta", tool_call: { id, arguments: "{}" } },
  { type: "tool_call_end", tool_call: { id } },
  { type: "tool_result", tool_result: { tool_call_id: id, content: "out", is_error: false } },
];

const streamOf = (events: ProviderEvent[], end: StreamRecord["end"] = "answered"): StreamRecord => ({
  streamId: "s",
  events: events.map((event, seq) => ({ seq, event })),
  end,
});

describe("a stream", () => {
  const whole = [START, ...callEvents("a"), END];

  test("that is whole, and one that was cut off by the plugin's end", () => {
    expect(checkStream(streamOf(whole))).toEqual([]);
    for (let length = 0; length < whole.length; length++)
      expect(checkStream(streamOf(whole.slice(0, length), "plugin-gone"))).toEqual([]);
  });

  test.each([
    ["without a message_end", streamOf(whole.slice(0, -1)), /without a message_end/],
    ["with two message_end", streamOf([...whole, END]), /2 message_end/],
    ["that continues after message_end", streamOf([...whole, { type: "text_delta", text: "x" }]), /continues/],
    ["with two message_start", streamOf([START, ...whole]), /2 message_start/],
    ["without a message_start", streamOf(whole.slice(1)), /begins with tool_call_start/],
    [
      "with a gap",
      { ...streamOf(whole), events: streamOf(whole).events.toSpliced(2, 1) },
      /event 3 arrived instead of event 2/,
    ],
    ["that is not over", { ...streamOf(whole), end: undefined }, /not over/],
    ["that was refused after its start", streamOf([START], "refused"), /refused after message_start/],
    ["with a call without a result", streamOf(whole.toSpliced(4, 1)), /call a has the events/],
    ["with two results of a call", streamOf(whole.toSpliced(4, 0, whole[4] as ProviderEvent)), /call a has the events/],
    ["with a result before its call", streamOf([START, ...callEvents("a").reverse(), END]), /call a has the events/],
  ])("%s", (_name, stream, what) => {
    expect(checkStream(stream)).toContainEqual({ invariant: "stream", what: expect.stringMatching(what) });
  });

  test("is recorded as it arrived, including lines that are not messages", () => {
    const record = new HostRecord();
    const event = { method: "notifications/plexum/provider/event", params: { stream_id: "s", seq: 7, event: START } };
    record.takeLine(JSON.stringify(event));
    record.takeLine(JSON.stringify(event).slice(0, 40));
    expect(record.stream("s").events).toEqual([{ seq: 7, event: START }]);
    expect(record.brokenLines).toHaveLength(1);
  });
});

const item = (payload: object, ordinal?: number) =>
  JSON.stringify({ ...(ordinal === undefined ? {} : { ordinal }), type: "response_item", payload });
const called = (call_id: string, ordinal?: number) =>
  item({ type: "function_call", call_id, arguments: "{}" }, ordinal);
const output = (call_id: string, ordinal?: number) =>
  item({ type: "function_call_output", call_id, output: "out" }, ordinal);
const rolloutOf = (...lines: string[]) => snapshotOf(Buffer.from(lines.map((line) => `${line}\n`).join("")));

describe("a rollout", () => {
  const lines = [called("a", 4), output("a", 5), called("b", 6), output("b", 7)];
  const asked = { before: undefined, mutated: new Set<string>(), mayBeTorn: false };
  const consumed = lines.with(1, output("a", 5).replace("out", "..."));

  test("that is whole, that has grown, and that a mutation has changed", () => {
    expect(checkRollout(rolloutOf(...lines), asked)).toEqual([]);
    expect(checkRollout(rolloutOf(...lines, called("c", 8)), { ...asked, before: rolloutOf(...lines) })).toEqual([]);
    const mutated = { ...asked, before: rolloutOf(...lines), mutated: new Set(["a"]) };
    expect(checkRollout(rolloutOf(...consumed), mutated)).toEqual([]);
  });

  test.each([
    ["with a torn line", rolloutOf(...lines.with(1, lines[1]?.slice(0, 30) ?? "")), /line 2 is torn/],
    ["with two lines in one", rolloutOf(...lines.with(1, `${lines[1]}${lines[2]}`)), /line 2 is torn/],
    ["with a line of NULs", rolloutOf(...lines.with(2, "\0".repeat(20))), /line 3 is torn/],
    ["whose last line has no end", snapshotOf(Buffer.from(lines.join("\n"))), /no end/],
    ["with an ordinal left out", rolloutOf(...lines.toSpliced(1, 1)), /ordinal 6, but the line before it has 4/],
    ["with an ordinal twice", rolloutOf(...lines.toSpliced(1, 0, called("x", 4))), /ordinal 4, but the line before/],
    ["that has lost its end", rolloutOf(...lines.slice(0, 3)), /1 of 4 lines are lost/],
    ["with a changed line", rolloutOf(...consumed), /line 2 changed/],
  ])("%s", (_name, now, what) => {
    const found = checkRollout(now, { ...asked, before: rolloutOf(...lines), mutated: new Set(["b"]) });
    expect(found).toContainEqual({ invariant: "rollout", what: expect.stringMatching(what) });
  });
});

describe("the calls", () => {
  const rollout = rolloutOf(called("a"), output("a"), called("b"), output("b"));
  const streams = [streamOf([START, ...callEvents("a"), END]), streamOf([START, ...callEvents("b"), END])];
  const right = { streams, rollout, issued: new Set(["a", "b"]), unemitted: new Set<string>() };

  test("that both know, and those that a killed plugin could not emit", () => {
    expect(checkCalls(right)).toEqual([]);
    expect(checkCalls({ ...right, streams: streams.slice(0, 1), unemitted: new Set(["b"]) })).toEqual([]);
  });

  test.each([
    [
      "that was not emitted to the host",
      { streams: streams.slice(1) },
      /rollout has call a, which was not emitted to the host/,
    ],
    [
      "that the rollout lost",
      { rollout: rolloutOf(called("b"), output("b")) },
      /call a was emitted to the host, but is not in the rollout/,
    ],
    ["that nobody made", { issued: new Set(["a"]) }, /call b was not made by the model/],
    ["emitted twice", { streams: [...streams, ...streams] }, /a call was emitted to the host twice: a, b/],
    ["recorded twice", { rollout: rolloutOf(called("a"), output("a"), called("a"), called("b")) }, /twice: a/],
    [
      "whose result was not emitted to the host",
      { streams: [streamOf([START, ...callEvents("a").slice(0, 3)]), streams[1] as StreamRecord] },
      /output of call a, which was not emitted to the host/,
    ],
  ])("%s", (_name, wrong, what) => {
    expect(checkCalls({ ...right, ...wrong })).toContainEqual({
      invariant: "calls",
      what: expect.stringMatching(what),
    });
  });
});

describe("a request to the model", () => {
  const user = (text: string) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] });
  const shown = (id: string, said: string, args = "{}") => [
    { type: "function_call", call_id: id, arguments: args },
    { type: "function_call_output", call_id: id, output: said },
  ];
  const requestOf = (...input: object[]) => new ModelRequest(0, {}, { input });
  const consumed = new Map<string, Consumption>([
    ["l", { op: "consume-light", isCertain: true }],
    ["h", { op: "consume-heavy", isCertain: true }],
    ["p", { op: "consume-light", isCertain: false }],
  ]);
  const thread = { completed: ["one"], answered: ["a", "l", "h", "p"], consumed };
  const right = [
    user("one"),
    ...shown("a", "out"),
    ...shown("l", "...(consumed)", "{1}"),
    ...shown("h", "...(tool called)"),
    ...shown("p", "out"),
  ];

  test("that has all of the thread, with its markers", () => {
    expect(checkRequest(requestOf(...right), thread)).toEqual([]);
  });

  test.each([
    ["without a turn that completed", right.slice(1), "thread", /not shown the turn "one"/],
    ["without an output", right.toSpliced(2, 1), "thread", /0 outputs of call a/],
    ["with an output twice", [...right, ...shown("a", "out")], "thread", /2 outputs of call a/],
    ["with what was consumed", right.toSpliced(3, 2, ...shown("l", "out")), "marker", /"out" for call l/],
    [
      "with the arguments",
      right.toSpliced(5, 2, ...shown("h", "...(tool called)", "{1}")),
      "marker",
      /call h has the arg/,
    ],
    [
      "with a marker of nobody",
      right.toSpliced(1, 2, ...shown("a", "...(consumed)")),
      "marker",
      /which nobody consumed/,
    ],
    ["with another marker", right.toSpliced(7, 2, ...shown("p", "...(tool called)")), "marker", /for call p/],
  ] as const)("%s", (_name, input, invariant, what) => {
    expect(checkRequest(requestOf(...input), thread)).toContainEqual({
      invariant,
      what: expect.stringMatching(what),
    });
  });
});

describe("what remains at the end", () => {
  const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";

  async function places(): Promise<AsyncDisposable & Parameters<typeof checkLeftovers>[0]> {
    const folder = await temporaryFolder();
    const [codexHome, temporary, workspace] = ["home", "tmp", "workspace"].map((name) => join(folder.path, name));
    const day = join(codexHome as string, "sessions/2026/11/26");
    await mkdir(day, { recursive: true });
    await mkdir(temporary as string);
    await mkdir(workspace as string);
    await writeFile(join(day, `rollout-2026-11-26T12-00-00-${ID}.jsonl`), "");
    await writeFile(join(workspace as string, ".plexum-codex-session"), ID);
    await writeFile(join(workspace as string, ".plexum-codex-session.lock"), "");
    return {
      profile: folder.path,
      codexHome: codexHome as string,
      temporary: temporary as string,
      workspaces: [workspace as string],
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  }

  test("may be the expected files", async () => {
    await using found = await places();
    expect(await checkLeftovers(found)).toEqual([]);
  });

  test("must not be a journal, a lock, a temporary file or a file in the workspace", async () => {
    await using found = await places();
    await writeFile(join(found.codexHome, "sessions/2026/11/26/.plexum-1f.journal"), "");
    await writeFile(join(found.codexHome, "sessions/2026/11/26/.plexum-1f.lock"), "");
    await mkdir(join(found.temporary, "plexum-mcp-0"));
    await writeFile(join(found.temporary, "plexum-mcp-0/1f.sock"), "");
    await writeFile(join(found.workspaces[0] as string, ".plexum-codex-session.tmp"), "");
    expect((await checkLeftovers(found)).map(({ what }) => what)).toEqual([
      "the file sessions/2026/11/26/.plexum-1f.journal is left",
      "the file sessions/2026/11/26/.plexum-1f.lock is left",
      "the temporary file plexum-mcp-0/1f.sock is left",
      "the file .plexum-codex-session.tmp is left in the workspace",
    ]);
  });

  test("must not be a process, whatever its parent is", async () => {
    await using found = await places();
    const env = { ...process.env, PLEXUM_PROFILE_ROOT: found.profile };
    const child = spawn("sleep", ["60"], { env, detached: true });
    await once(child, "spawn");
    expect(await checkLeftovers(found, 0)).toEqual([
      { invariant: "leftover", what: `process ${child.pid} is left: sleep 60` },
    ]);
    child.kill();
    await once(child, "exit");
    expect(await checkLeftovers(found, 0)).toEqual([]);
  });

  test("must not be a held lock", async () => {
    await using found = await places();
    await using _workspace = await lockWorkspace(found.workspaces[0] as string);
    await using _thread = await lockThread(found.codexHome, ID);
    expect((await checkLeftovers(found)).map(({ what }) => what)).toEqual([
      expect.stringContaining("the workspace's lock is still held"),
      expect.stringContaining("the thread's lock is still held"),
    ]);
  });
});
