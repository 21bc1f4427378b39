import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { eventually, isAlive } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { completed, item, type Scenario, says, scriptedCodex, started, thread } from "../test/scripted-codex.ts";

test.concurrent.each<[name: string, said: string | RegExp, initialize: Scenario["initialize"]]>([
  ["never answers", "initialize got no answer within 1500 ms", []],
  ["answers late", "initialize got no answer within 1500 ms", [{ sleepMs: 3000 }, { answer: {} }]],
  [
    "answers with lines that are not messages",
    "initialize got no answer within 1500 ms",
    [{ write: '{"id":0,\n[]\n\xff\xfe\n"x"\n' }],
  ],
  ["answers with an error", "not today", [{ error: "not today" }]],
  ["exits", "it exited with code 2", [{ exit: 2 }]],
  [
    "closes its stdout but keeps running",
    /connection to the other side|it exited with code 0/,
    [{ closeStdout: true }],
  ],
])(
  "a codex that %s when it is started is reported as unavailable, and leaves no process",
  async (_name, said, initialize) => {
    await using codex = await scriptedCodex({ initialize: initialize ?? [] });
    await expect(codex.start({ initializeTimeoutMs: 1500 })).rejects.toMatchObject({
      code: "app_server_unavailable",
      message: expect.stringMatching(said),
    });
    expect(processesIn(codex.folder)).toEqual([]);
  },
);

/** Returns the processes that run in this folder or below it. */
function processesIn(folder: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
    } catch {
      return false;
    }
  });
}

describe("a request that gets no answer", () => {
  test.each(["config/read", "thread/start"])(
    "%s: the turn fails as stalled before it runs, and the next turn completes",
    async (method) => {
      await using codex = await scriptedCodex({});
      const { result } = await codex.run({ play: { [method]: [] }, stallMs: 1000 });
      expect(result).toMatchObject({ status: "failed", error: { code: "stalled" } });
      expect((await codex.requests()).map((request) => request.method)).not.toContain("turn/start");
      expect((await codex.run()).result.status).toBe("completed");
      expect(isAlive(codex.pids[0] as number)).toBe(false);
    },
  );

  test("turn/start: the turn runs anyway, and can be interrupted", async () => {
    const [, notified] = started;
    await using codex = await scriptedCodex({
      "turn/start": [notified as never, says("hello"), completed],
    });
    expect(await codex.run()).toMatchObject({ text: "hello", result: { status: "completed" } });
    const turn = await codex.start({ play: { "turn/start": [notified as never] } });
    for await (const event of turn.events) if (event.type === "turn.started") void turn.cancel();
    expect((await turn.result).status).toBe("cancelled");
    const last = (await codex.requests()).filter(({ method }) => method === "turn/interrupt");
    expect(last).toHaveLength(1);
  });

  test("thread/unsubscribe: the turn completes, but the process is not kept", async () => {
    await using codex = await scriptedCodex({ "thread/unsubscribe": [] });
    expect((await codex.run()).result.status).toBe("completed");
    expect(codex.turns.idleCount).toBe(0);
    expect(isAlive(codex.pids[0] as number)).toBe(false);
  });

  test("turn/interrupt: the process is ended, and the turn is cancelled", async () => {
    await using codex = await scriptedCodex({ "turn/start": started, "turn/interrupt": [] });
    const turn = await codex.start({ grace: { interruptMs: 300 } });
    for await (const event of turn.events) if (event.type === "turn.started") void turn.cancel();
    expect((await turn.result).status).toBe("cancelled");
    expect(isAlive(codex.pids[0] as number)).toBe(false);
  });
});

test("a kept process that exits as the next turn starts is replaced, and the turn completes", async () => {
  await using codex = await scriptedCodex({
    "turn/start": [...started, says("first"), completed, { sleepMs: 300 }, { exit: 0 }],
  });
  expect((await codex.run()).text).toBe("first");
  expect(codex.turns.idleCount).toBe(1);
  // A stopped process still counts as kept when the turn starts, and is gone before it answers.
  const [kept] = codex.pids as [number];
  process.kill(kept, "SIGSTOP");
  const second = codex.run();
  await eventually("the turn has the kept process", () => codex.pids.length === 2);
  process.kill(kept, "SIGKILL");
  expect(await second).toMatchObject({ text: "first", result: { status: "completed" } });
  expect(codex.pids).toEqual([kept, kept, expect.not.toSatisfy((pid) => pid === kept)]);
});

test("a kept process that no longer answers is ended and replaced", async () => {
  await using codex = await scriptedCodex({ "turn/start": [...started, says("hello"), completed] });
  await codex.run();
  const [kept] = codex.pids as [number];
  process.kill(kept, "SIGSTOP");
  expect(await codex.run()).toMatchObject({ text: "hello", result: { status: "completed" } });
  expect(codex.pids.at(-1)).not.toBe(kept);
  expect(isAlive(kept)).toBe(false);
});

test("a turn that waits for a process started in advance can be cancelled", async () => {
  const slow = [{ sleepMs: 1000 }, { answer: { userAgent: "plexum/0.153.0" } }];
  await using codex = await scriptedCodex({ initialize: slow }, "0.153.0");
  expect((await codex.run()).result.status).toBe("completed");
  const cancelled = codex.start({ signal: AbortSignal.timeout(50) });
  await expect(cancelled).rejects.toMatchObject({ name: "TimeoutError" });
  expect(codex.turns.idleCount).toBe(0);
  expect((await codex.run()).result.status).toBe("completed");
});

test("a process whose turn is cancelled while it starts is kept for the next turn", async () => {
  const slow = [{ sleepMs: 500 }, { answer: { userAgent: "plexum/0.169.0" } }];
  await using codex = await scriptedCodex({ initialize: slow, "turn/start": [...started, says("hello"), completed] });
  await expect(codex.start({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: "TimeoutError" });
  expect(await codex.run()).toMatchObject({ text: "hello", result: { status: "completed" } });
  expect((await codex.requests()).filter(({ method }) => method === "initialize")).toHaveLength(1);
});

test("of the processes whose turns are cancelled while they start, no more than maxKept are kept", async () => {
  const slow = [{ sleepMs: 1000 }, { answer: { userAgent: "plexum/0.169.0" } }];
  await using codex = await scriptedCodex({ initialize: slow });
  const cancel = new AbortController();
  const processes = () => processesIn(join(codex.folder, "w")).length;
  const turns = Promise.allSettled(
    Array.from({ length: 5 }, (_, n) => codex.start({ workspace: `${codex.folder}/w${n}`, signal: cancel.signal })),
  );
  await eventually("all processes run", () => processes() === 5);
  cancel.abort();
  for (const { status } of await turns) expect(status).toBe("rejected");
  await eventually("they have started, and those above the limit have ended", () => processes() === 2);
  expect(codex.turns.idleCount).toBe(2);
});

test("a process that never starts is ended when no more turns can come", async () => {
  await using codex = await scriptedCodex({ initialize: [] });
  await expect(codex.start({ signal: AbortSignal.timeout(300) })).rejects.toMatchObject({ name: "TimeoutError" });
  expect(processesIn(codex.folder)).toHaveLength(1);
  await codex.turns[Symbol.asyncDispose]();
  expect(processesIn(codex.folder)).toEqual([]);
});

test.each<[name: string, end: Scenario["turn/start"]]>([
  ["exits", [{ exit: 3 }]],
  ["closes its stdout but keeps running", [{ closeStdout: true }]],
])("when codex %s during a turn, the turn fails as crashed and keeps its earlier output", async (_name, end = []) => {
  await using codex = await scriptedCodex({ "turn/start": [...started, says("so far"), ...end] });
  const { result, text } = await codex.run();
  expect(text).toBe("so far");
  expect(result).toMatchObject({ status: "failed", error: { code: "crashed" } });
  expect(isAlive(codex.pids[0] as number)).toBe(false);
});

test("a turn is complete if codex exits right after its end", async () => {
  await using codex = await scriptedCodex({ "turn/start": [...started, says("done"), completed, { exit: 0 }] });
  for (let i = 0; i < 5; i++)
    expect(await codex.run()).toMatchObject({ text: "done", result: { status: "completed" } });
});

test("a turn completes despite invalid UTF-8, lines that are not messages, an unterminated line and a flooded stderr", async () => {
  const stderr: number[] = [];
  await using codex = await scriptedCodex({
    "turn/start": [
      ...started,
      { floodStderr: 6_000_000 },
      { write: "\xff\xfe\x00\n{\n[1]\nnull\n42\n\n" },
      { write: `{"method":"item/completed","params":{"threadId":"thread-1","x":"\xc3\x28"}}\n` },
      { notify: "item/completed", params: thread },
      { notify: "turn/completed", params: { threadId: "another", turn: { id: "turn-1", status: "failed" } } },
      item("item/completed", { type: "agentMessage", id: "a", text: "a\u2028b" }),
      completed,
      { write: "x".repeat(100_000) },
    ],
  });
  const { result, text } = await codex.run({ onStderr: (line) => stderr.push(line.length) });
  expect(result.status).toBe("completed");
  expect(text).toBe("a\u2028b");
  expect(stderr).not.toHaveLength(0);
});

test("after turns in twenty workspaces at once, no more than maxKept processes are kept", async () => {
  await using codex = await scriptedCodex({});
  const turns = Array.from({ length: 20 }, (_, n) => codex.run({ workspace: `${codex.folder}/w${n}` }));
  for (const { result } of await Promise.all(turns)) expect(result.status).toBe("completed");
  expect(codex.turns.idleCount).toBe(2);
  expect(codex.pids.filter(isAlive)).toHaveLength(2);
});

test("codex's requests to its client are declined, and the turn continues", async () => {
  await using codex = await scriptedCodex({
    "turn/start": [
      ...started,
      { write: '{"id":7,"method":"item/commandExecution/requestApproval","params":{"threadId":"thread-1"}}\n' },
      { write: '{"id":8,"method":"what/is/this","params":{}}\n' },
      { sleepMs: 100 },
      completed,
    ],
  });
  expect((await codex.run()).result.status).toBe("completed");
  expect(codex.warnings).toEqual([expect.stringContaining("requestApproval"), expect.stringContaining("what/is/this")]);
  const answers = (await codex.requests()).filter((message) => "result" in message || "error" in message);
  expect(answers).toMatchObject([
    { id: 7, result: { decision: "decline" } },
    { id: 8, error: { code: -32601 } },
  ]);
});
