import { expect, test } from "vitest";
import { completed, item, recorded, says, scriptedCodex, started } from "../test/scripted-codex.ts";

const command = { type: "commandExecution", id: "call-1", command: "sleep", status: "inProgress" };
const END = recorded({ type: "task_complete", last_agent_message: "hello" });

test.concurrent.each([
  ["the message is missing too", [...started, recorded({ type: "task_started" }), END], "hello"],
  ["after the message", [...started, says("hello"), END], "hello"],
  ["a command is still open", [...started, item("item/started", command), END], "hello"],
])("without turn/completed, the turn ends when the rollout records its end: %s", async (_name, actions, text) => {
  await using codex = await scriptedCodex({ "turn/start": actions });
  const { result, text: said } = await codex.run();
  expect(result).toMatchObject({ status: "completed", lastMessage: text });
  expect(said).toBe(text);
  // The state of the process is unknown.
  expect(codex.turns.idleCount).toBe(0);
});

test.concurrent("without turn/completed, an interrupted or failed turn ends when the rollout records its end", async () => {
  await using codex = await scriptedCodex({});
  const interrupted = [...started, recorded({ type: "turn_aborted", reason: "interrupted" })];
  expect((await codex.run({ play: { "turn/start": interrupted } })).result).toMatchObject({
    status: "failed",
    error: { code: "crashed", message: expect.stringContaining("interrupted") },
  });
  const error = { error: { message: "unexpected status 500", codexErrorInfo: "other" }, willRetry: false };
  const failed = [
    ...started,
    { notify: "error", params: { threadId: "thread-1", ...error } },
    recorded({ type: "task_complete", last_agent_message: null }),
  ];
  expect((await codex.run({ play: { "turn/start": failed } })).result).toMatchObject({
    status: "failed",
    error: { code: "server_error" },
  });
});

test.concurrent("the end of another turn, or of an earlier one, does not end this one", async () => {
  const other = recorded({ type: "task_complete", turn_id: "turn-0", last_agent_message: "old" });
  await using codex = await scriptedCodex({
    "turn/start": [...started, other, { sleepMs: 4500 }, says("hello"), completed],
  });
  expect(await codex.run()).toMatchObject({ text: "hello", result: { status: "completed" } });
  expect(codex.turns.idleCount).toBe(1);
});

test.concurrent("after stallMs without any sign of life, codex is asked for the thread's status and the turn fails as stalled", async () => {
  await using codex = await scriptedCodex({ "turn/start": started });
  const { result } = await codex.run({ stallMs: 3000 });
  expect(result).toMatchObject({
    status: "failed",
    error: { code: "stalled", message: expect.stringMatching(/3000 ms .*the thread is active/) },
  });
  expect((await codex.requests()).map(({ method }) => method)).toContain("thread/read");
  const dumb = await codex.run({ play: { "turn/start": started, "thread/read": [{ error: "no" }] }, stallMs: 3000 });
  expect(dumb.result).toMatchObject({ error: { code: "stalled", message: expect.stringContaining("no") } });
});

test.concurrent.each([
  ["a command", command],
  ["a call of a host tool", { type: "mcpToolCall", id: "call-1", server: "s", tool: "t", status: "inProgress" }],
])("%s may run longer than stallMs", async (_name, value) => {
  await using codex = await scriptedCodex({
    "turn/start": [
      ...started,
      item("item/started", value),
      { sleepMs: 6000 },
      item("item/completed", { ...value, status: "completed" }),
      says("done"),
      completed,
    ],
  });
  expect(await codex.run({ stallMs: 2500 })).toMatchObject({ text: "done", result: { status: "completed" } });
});

test.concurrent("lines in the rollout and unknown notifications are signs of life", async () => {
  const quiet = { sleepMs: 1800 };
  await using codex = await scriptedCodex({
    "turn/start": [
      ...started,
      quiet,
      recorded({ type: "agent_reasoning" }),
      quiet,
      { notify: "some/news", params: { threadId: "thread-1" } },
      quiet,
      recorded({ type: "agent_reasoning" }),
      quiet,
      says("done"),
      completed,
    ],
  });
  expect(await codex.run({ stallMs: 3500 })).toMatchObject({ text: "done", result: { status: "completed" } });
});

test.concurrent("a turn does not stall while codex waits for a slow reader", async () => {
  const texts = Array.from({ length: 50 }, (_, n) => says(`${n} ${"x".repeat(1500)}`));
  await using codex = await scriptedCodex({ "turn/start": [...started, ...texts, END, completed] });
  const turn = await codex.start({ maxUnreadBytes: 15_000, stallMs: 2500 });
  const seen: string[] = [];
  for await (const event of turn.events) {
    if (event.type !== "item.completed" || event.item.type !== "agent_message") continue;
    if (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 6000));
    seen.push(event.item.text);
  }
  expect((await turn.result).status).toBe("completed");
  expect(seen).toHaveLength(50);
});
