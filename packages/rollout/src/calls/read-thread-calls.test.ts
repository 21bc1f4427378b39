import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { codex147, codex150, testedCodexes } from "@plexum/codex-versions";
import { answer, functionCall, say, shell } from "@plexum/scripted-model";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, it } from "vitest";
import { consumeLight, findRollout, mutateRollout, readThreadCalls, selectCalls } from "../index.ts";
import { AppServer } from "../testing/app-server.ts";
import { CodexThread, RECALL } from "../testing/codex-thread.ts";

const call = (callId: string) => answer([shell("seq 30", { callId })]);
const answers = { image: { content: [{ type: "image", data: noise(400).toString("base64"), mimeType: "image/png" }] } };

/** Returns a PNG that does not compress. */
function noise(side: number): Buffer {
  const rows = Array.from({ length: side }, () => Buffer.concat([Buffer.of(0), randomBytes(3 * side)]));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2], 8);
  const chunk = (type: string, data: Buffer) => {
    const [length, sum, body] = [Buffer.alloc(4), Buffer.alloc(4), Buffer.concat([Buffer.from(type), data])];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const signature = Buffer.from("89504e470d0a1a0a", "hex");
  const data = deflateSync(Buffer.concat(rows));
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

async function callsOf(made: CodexThread, threadId = made.threadId) {
  const found = await findRollout(threadId, { codexHome: made.home.path });
  return readThreadCalls(found?.path ?? "", { threadId });
}

describe.each(testedCodexes(codex147, codex150))("the calls of codex $version", (codex) => {
  it("have the number of their turn, also after turns without calls, and an image counts as codex counts it", async () => {
    await using made = await CodexThread.create({ codex, answers });
    await made.turn([say("no call")], "first");
    await made.turn([call("call_1"), say("done")], "second");
    await made.turn([say("no call")], "third");
    const image = functionCall("recall", { key: "image" }, { namespace: RECALL, callId: "call_2" });
    await made.turn([answer([image]), say("done")], "fourth");
    const { turnCount, calls } = await callsOf(made);
    expect(turnCount).toBe(4);
    expect(calls).toMatchObject([
      { callId: "call_1", turn: 2, state: "in-context", isInherited: false },
      { callId: "call_2", turn: 4, state: "in-context", isInherited: false },
    ]);
    const [text, picture] = calls;
    expect(text?.bytes).toBeGreaterThan(80);
    expect(text?.tokens).toBe(Math.ceil((text?.bytes ?? 0) / 4));
    expect(picture?.bytes).toBeGreaterThan(480_000);
    expect(picture?.tokens).toBeGreaterThanOrEqual(1_844);
    expect(picture?.tokens).toBeLessThan(2_000);
  });

  it("are no longer in the context after a compaction, unlike later ones", async () => {
    await using made = await CodexThread.create({ codex });
    await made.turn([call("call_before"), say("done")], "first");
    {
      await using server = await AppServer.start(made);
      await server.request("thread/resume", { threadId: made.threadId });
      made.model.play([say("SUMMARY")]);
      const compacted = server.notification("thread/compacted", "turn/completed");
      await server.request("thread/compact/start", { threadId: made.threadId });
      await compacted;
    }
    await made.turn([call("call_after"), say("done")], "second");
    expect(JSON.stringify(made.model.lastRequest.input)).not.toContain("call_before");
    const { calls } = await callsOf(made);
    expect(calls.map(({ callId, state }) => [callId, state])).toEqual([
      ["call_before", "compacted"],
      ["call_after", "in-context"],
    ]);
  });

  it("of a turn that was rolled back or reverted are not in the context", async () => {
    await using made = await CodexThread.create({ codex });
    await made.turn([call("call_1"), say("done")], "first");
    await made.turn([call("call_2"), say("done")], "second");
    {
      await using server = await AppServer.start(made);
      const { threadId } = made;
      await server.request("thread/resume", { threadId });
      // Later versions revert instead of rolling back.
      await server.request("thread/rollback", { threadId, numTurns: 1 }).catch(async () => {
        const { data } = await server.request("thread/turns/list", { threadId });
        const [last] = data.toSorted((a: { id: string }, b: { id: string }) => (a.id < b.id ? 1 : -1));
        await server.request("thread/revert", { threadId, beforeTurnId: last.id });
      });
    }
    await made.turn([call("call_3"), say("done")], "instead");
    expect(JSON.stringify(made.model.lastRequest.input)).not.toContain("call_2");
    const { turnCount, calls } = await callsOf(made);
    expect(turnCount).toBe(2);
    expect(calls.filter(({ state }) => state !== "rolled-back")).toMatchObject([
      { callId: "call_1", turn: 1, state: "in-context" },
      { callId: "call_3", turn: 2, state: "in-context" },
    ]);
  });

  it("are marked as inherited in a sub-agent that was given its parent's turns", async () => {
    await using made = await CodexThread.create({ codex });
    await made.turn([call("call_parents"), say("done")], "first");
    const spawned = functionCall(
      "spawn_agent",
      { message: "count the beans", fork_context: true },
      { namespace: "multi_agent_v1", callId: "call_spawn" },
    );
    const childIsDone = Promise.withResolvers<void>();
    made.model.play(async (request) => {
      const has = (text: string) => JSON.stringify(request.input).includes(text);
      if (!has("count the beans")) return answer([spawned]);
      if (!has("call_spawn")) {
        if (!has("call_childs")) return call("call_childs");
        childIsDone.resolve();
        return say("42");
      }
      // codex would end the child with its own turn.
      await childIsDone.promise;
      return say("done");
    });
    await made.run(["exec", "--skip-git-repo-check", "--json", "resume", made.threadId, "spawn"]);
    const [, childId = ""] =
      /"agent_id\\?":\\?"([^"\\]+)/.exec(JSON.stringify(made.model.requests.map((r) => r.input))) ?? [];
    const { calls } = await callsOf(made, childId);
    expect(calls.filter(({ isInherited }) => !isInherited).map(({ callId }) => callId)).toEqual(["call_childs"]);
    const parents = await callsOf(made);
    expect(parents.calls.map(({ callId }) => callId)).toEqual(["call_parents", "call_spawn"]);
    expect(parents.calls.some(({ isInherited }) => isInherited)).toBe(false);
  });
});

it("reads a call without output, calls in no turn, and outputs that are not text", async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.path, { recursive: true });
  const path = join(folder.path, "rollout.jsonl");
  const line = (payload: object) => JSON.stringify({ type: "response_item", payload });
  const audio = { type: "input_audio", audio_url: "x" };
  await writeFile(
    path,
    [
      line({ type: "function_call", call_id: "open", name: "a", arguments: "1234" }),
      line({ type: "custom_tool_call", call_id: "odd", name: "b", input: "" }),
      line({ type: "custom_tool_call_output", call_id: "odd", output: [audio, null, { type: "input_image" }] }),
    ].join("\n"),
  );
  const { turnCount, calls } = await readThreadCalls(path);
  expect(turnCount).toBe(0);
  expect(calls).toMatchObject([
    { callId: "open", turn: 0, bytes: 4, tokens: 1, state: "in-context" },
    { callId: "odd", turn: 0, tokens: 1_844 + Math.ceil("[audio]\nnull".length / 4) },
  ]);
});

it("says which calls have an id that a later call has too", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  const line = (type: string, payload: object) => `${JSON.stringify({ type, payload })}\n`;
  const turnWith = (turn_id: string, ...outputs: string[]) =>
    line("event_msg", { type: "task_started", turn_id }) +
    outputs
      .map(
        (output, index) =>
          line("response_item", { type: "function_call", call_id: `call_${index}`, name: "read", arguments: "{}" }) +
          line("response_item", { type: "function_call_output", call_id: `call_${index}`, output }),
      )
      .join("") +
    line("event_msg", { type: "task_complete", turn_id });
  const long = "result ".repeat(500);
  await writeFile(path, turnWith("a", long, long) + turnWith("b", "short") + turnWith("c", "last", long));
  const thread = await readThreadCalls(path);
  expect(thread.calls.map(({ callId, turn, isIdReused }) => [callId, turn, isIdReused])).toEqual([
    ["call_0", 1, true],
    ["call_1", 1, true],
    ["call_0", 2, true],
    ["call_0", 3, false],
    ["call_1", 3, false],
  ]);
  const select = (rules: object) => selectCalls(thread, rules).map(({ callId, turn }) => [callId, turn]);
  expect(select({ olderThanTurns: 0 })).toEqual([]);
  expect(select({ largerThanTokens: 100 })).toEqual([["call_1", 3]]);
  expect(select({ callIds: ["call_0"] })).toEqual([["call_0", 3]]);
  // What was selected is what a mutation changes.
  const before = (await readFile(path, "utf8")).split("\n");
  await mutateRollout(path, [consumeLight("call_0")]);
  const changed = (await readFile(path, "utf8"))
    .split("\n")
    .flatMap((text, index) => (text === before[index] ? [] : [index]));
  expect(changed.map((index) => before[index])).toEqual([expect.stringContaining('"output":"last"')]);
});
