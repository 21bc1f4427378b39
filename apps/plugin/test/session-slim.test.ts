import { appendFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testedCodexes } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { answer, functionCall, say } from "@plexum/scripted-model";
import { lockThread } from "@plexum/session-store";
import { describe, expect, test } from "vitest";
import { AppServer } from "../../../packages/rollout/src/testing/app-server.ts";
import { CodexThread } from "../../../packages/rollout/src/testing/codex-thread.ts";
import { IDS, sessions, shellSessions, threadWithCalls } from "./sessions-command.ts";

const outputs = (thread: CodexThread) => IDS.flatMap((id) => thread.model.lastRequest.outputsOf(id));

/** Returns codex's own view of the thread. */
async function codexView(thread: CodexThread): Promise<string> {
  await using server = await AppServer.start(thread);
  const { threadId } = thread;
  const view = await server.request("thread/read", { threadId, includeTurns: true });
  return JSON.stringify(view);
}

describe.each(testedCodexes())("a session of codex $version", (codex) => {
  test("is slimmed down and restored, and the model sees what codex's own views show", async () => {
    await using thread = await threadWithCalls(codex);
    const id = thread.threadId;
    const path = await thread.rollout();
    const { ino } = await stat(path);
    const original = await readFile(path);

    const dry = JSON.parse((await sessions(thread, "consume", id, "--older-than", "0", "--dry-run", "--json")).stdout);
    expect(dry).toMatchObject({ dryRun: true, mode: "unchanged", calls: [{ id: "call_one" }, { id: "call_two" }] });
    const refused = await sessions(thread, "consume", id, "--older-than", "0");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("--yes");
    expect((await readFile(path)).equals(original)).toBe(true);

    const light = await sessions(thread, "consume", id, "--older-than", "0", "--yes");
    expect(light).toMatchObject({ exitCode: 0, stderr: "" });
    expect(light.stdout).toContain("consumed 2 calls");
    const heavy = await sessions(thread, "consume", id, "call_th", "--heavy", "--yes", "--json");
    expect(JSON.parse(heavy.stdout)).toMatchObject({ mode: "in-place", calls: [{ id: "call_three" }], isOpen: false });
    const shown = JSON.parse((await sessions(thread, "show", id, "--json")).stdout);
    expect(shown.calls).toMatchObject(
      IDS.map((id, index) => ({ id, turn: index + 1, age: 2 - index, isConsumed: true })),
    );
    await thread.turn([say("4")], "fourth");
    expect(outputs(thread)).toEqual(["...(consumed)", "...(consumed)", "...(tool called)"]);
    expect(await codexView(thread)).toContain("fourth");

    const again = await sessions(thread, "consume", id, "--yes");
    expect(again).toEqual({ stdout: "nothing to consume\n", stderr: "", exitCode: 0 });
    expect(await sessions(thread, "restore", id)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("--yes"),
    });
    const restored = await sessions(thread, "restore", id, "--yes");
    expect(restored).toEqual({ stdout: "restored 3 calls\n", stderr: "", exitCode: 0 });
    expect((await readFile(path)).subarray(0, original.length).equals(original)).toBe(true);
    expect((await stat(path)).ino).toBe(ino);
    expect(await sessions(thread, "restore", id, "--yes")).toMatchObject({
      stdout: "nothing to restore\n",
      exitCode: 0,
    });
    await thread.turn([say("5")], "fifth");
    for (const output of outputs(thread)) expect(output).toContain("1399\n1400");
    expect(await codexView(thread)).toContain("fifth");
  });

  test("that codex has open is changed safely, with a note for the user", async () => {
    await using thread = await threadWithCalls(codex);
    const path = await thread.rollout();
    {
      await using server = await AppServer.start(thread);
      const { threadId } = thread;
      await server.request("thread/resume", { threadId });
      thread.model.play([say("open")]);
      const completed = server.notification("turn/completed");
      await server.request("turn/start", { threadId, input: [{ type: "text", text: "go on" }] });
      await completed;
      const report = await sessions(thread, "consume", threadId, "call_one", "--yes");
      expect(report.exitCode).toBe(0);
      expect(report.stdout).toContain("Codex has this session open");
      expect((await readFile(path, "utf8")).split("...(consumed)")).toHaveLength(2);
    }
    await thread.turn([say("6")], "later");
    expect(outputs(thread)[0]).toBe("...(consumed)");
    expect(outputs(thread)[1]).toContain("1400");
  });
});

test("a session with a running turn of the plugin is refused", async () => {
  await using thread = await threadWithCalls();
  const path = await thread.rollout();
  expect(await sessions(thread, "consume", thread.threadId, "call_one", "--yes")).toMatchObject({ exitCode: 0 });
  const before = await readFile(path);
  await using _lock = await lockThread(thread.home.path, thread.threadId);
  for (const verb of ["consume", "restore"]) {
    const refused = await sessions(thread, verb, thread.threadId, "--yes");
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("is running a turn") });
  }
  expect((await readFile(path)).equals(before)).toBe(true);
});

test("the output fits 80 columns, has no color without a terminal, and shows how full the window is", async () => {
  await using thread = await threadWithCalls();
  const { threadId: id } = thread;
  await appendFile(
    join(thread.home.path, "session_index.jsonl"),
    `${JSON.stringify({ id, thread_name: "Long story" })}\n`,
  );
  for (const sort of ["turn", "tokens", "tool"]) {
    const { stdout, exitCode } = await sessions(thread, "show", id, "--sort", sort);
    expect(exitCode).toBe(0);
    const lines = stdout.split("\n");
    expect(lines[0]).toBe("Long story");
    expect(lines.filter((line: string) => line.length > 80)).toEqual([]);
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toMatch(/context {2}[\d,]+ of [\d,]+ tokens at the last request\n +[█-▏]*░* \d+%/);
    expect(stdout).toContain("seq 1000 1400");
  }
});

test.each([
  [["show", "0000"], "there is no session 0000"],
  [["show"], "the id of a session is missing"],
  [["show", ""], "the id of a session is missing"],
  [["show", "ID", "more"], "unknown arguments: more"],
  [["show", "ID", "--sort", "age"], "--sort"],
  [["show", "ID", "--heavy"], "'--heavy'"],
  [["consume"], "the id of a session is missing"],
  [["consume", "ID", "call_four"], 'no call "call_four"'],
  [["consume", "ID", "call_t"], "begin with call_t: call_t"],
  [["consume", "ID", "--older-than", "two"], '--older-than must be a whole number from 0, not "two"'],
  [["consume", "ID", "--larger-than=-1"], "--larger-than"],
  [["consume", "ID", "--tool"], "'--tool"],
  [["restore", "ID", "call_one"], "unknown arguments: call_one"],
  [["forget", "ID"], "there is no subcommand forget"],
])("sessions %j is refused with one line", async (args, said) => {
  await using thread = await CodexThread.create({ codex: newestCodex });
  const id = "019c2100-aaaa-7000-8000-000000000001";
  await writeRollout(thread, id);
  const { stdout, stderr, exitCode } = await sessions(thread, ...args.map((arg) => (arg === "ID" ? id : arg)));
  expect({ stdout, lines: stderr.split("\n").length - 1, exitCode }).toEqual({ stdout: "", lines: 1, exitCode: 1 });
  expect(stderr).toContain(said);
});

async function writeRollout(thread: CodexThread, id: string): Promise<void> {
  const folder = join(thread.home.path, "sessions", "2026", "02", "03");
  await mkdir(folder, { recursive: true });
  const line = (type: string, payload: object) =>
    `${JSON.stringify({ timestamp: "2026-02-03T04:05:06.000Z", type, payload })}\n`;
  const calls = IDS.map((call_id) =>
    line("response_item", { type: "function_call", name: "peek", arguments: "{}", call_id }),
  );
  await appendFile(
    join(folder, `rollout-2026-02-03T04-05-06-${id}.jsonl`),
    line("session_meta", { id }) + calls.join(""),
  );
}

test("a command whose output can't be written completes, and says so unless its reader closed the pipe", async () => {
  await using thread = await threadWithCalls();
  const path = await thread.rollout();
  const original = await readFile(path);
  const run = (line: string) => shellSessions(thread, line);
  const full = await run(`show ${thread.threadId} > /dev/full`);
  expect(full).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/^plexum-openai-provider: the output.*ENOSPC.*\n$/),
  });
  expect(await run(`show ${thread.threadId} | true`)).toMatchObject({ stderr: "" });
  const consumed = await run(`consume ${thread.threadId} --yes > /dev/full`);
  expect(consumed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("ENOSPC") });
  expect(await readFile(path, "utf8")).toContain("...(consumed)");
  expect(await run(`restore ${thread.threadId} --yes | true`)).toMatchObject({ stderr: "" });
  expect((await readFile(path)).equals(original)).toBe(true);
});

test("no message repeats an argument's escape sequences, or has a line that an argument wrote", async () => {
  await using thread = await threadWithCalls();
  for (const args of [
    ["\u001b[2Jx\nsessions: forged"],
    ["show", "\u001b[2Jx\nsessions: forged"],
    ["show", thread.threadId, "--\u001b[2J"],
    ["consume", thread.threadId, "\u001b[2J\nforged"],
  ]) {
    const { stderr, exitCode } = await sessions(thread, ...args);
    expect({ args, exitCode }).toEqual({ args, exitCode: 1 });
    expect(stderr).toMatch(/^sessions: [^\p{Cc}]+\n$/u);
  }
});

test("a result that is shorter than the marker is left, and reported only for a call that was named", async () => {
  await using thread = await CodexThread.create({ codex: newestCodex });
  await thread.turn([answer([functionCall("nosuch", {}, { callId: "call_short" })]), say("1")], "first");
  const path = await thread.rollout();
  await writeFile(path, (await readFile(path, "utf8")).replace(/("call_id":"call_short","output":)"[^"]*"/, '$1"ok"'));
  const { threadId: id } = thread;
  expect(await sessions(thread, "consume", id, "--yes")).toEqual({
    stdout: "nothing to consume\n",
    stderr: "",
    exitCode: 0,
  });
  const named = await sessions(thread, "consume", id, "call_short", "--yes");
  expect(named).toMatchObject({ stderr: "", exitCode: 1 });
  expect(named.stdout).toMatch(/^nothing to consume\nleft {3}call_short: /);
  for (const line of named.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  const json = JSON.parse((await sessions(thread, "consume", id, "--yes", "--json")).stdout);
  expect(json).toMatchObject({ dryRun: false, calls: [], skipped: [{ id: "call_short", reason: "has_to_grow" }] });
});
