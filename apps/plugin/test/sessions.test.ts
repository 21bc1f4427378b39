import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { testedCodexes } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { answer, say, shell } from "@plexum/scripted-model";
import { codexHomeOf } from "@plexum/session-store";
import { describe, expect, test } from "vitest";
import { byEachTransport, Harness, PLUGIN, runPlugin, turn } from "./harness.ts";

const threadOf = (harness: Harness) => readFile(join(harness.workspace, ".plexum-codex-session"), "utf8");

const sessions = (harness: Harness, ...args: string[]) =>
  runPlugin(["sessions", ...args], { ...harness.env, XDG_CACHE_HOME: harness.folder });

describe.each(byEachTransport(testedCodexes()))("the sessions of codex $version by $transport", (codex) => {
  test("are listed and resumed by the plugin's own tools", async () => {
    await using harness = await Harness.create({
      codex,
      config: { session_resume: true },
      script: [say("noted"), say(" it was 71 ")],
    });
    const plugin = await harness.plugin();
    expect((await plugin.listTools()).map(({ name }) => name)).toEqual(["codex_sessions_list", "codex_session_resume"]);
    await turn(plugin, harness.request("remember 71"));
    const sessionId = await threadOf(harness);

    const list = await plugin.callTool({ name: "codex_sessions_list", arguments: { limit: 5 } });
    expect(list.structuredContent).toMatchObject({
      sessions: [{ sessionId, lastMessage: "remember 71", messageCount: 1 }],
    });
    const resumed = await plugin.callTool({
      name: "codex_session_resume",
      arguments: { sessionId, prompt: "which number?" },
    });
    expect(resumed.structuredContent).toEqual({ ok: true, sessionId, text: "it was 71" });
    expect(harness.model.lastRequest.userTexts).toEqual(["remember 71", "which number?"]);

    const refused = await plugin.callTool({
      name: "codex_session_resume",
      arguments: { sessionId: "../x", prompt: "hi" },
    });
    expect(refused).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("sessionId") }] });
  });

  test("are shown to the user, with the cost of each call", async () => {
    const prompt = "look \u001b[31mred\u001b[0m\nand on";
    await using harness = await Harness.create({
      codex,
      script: [answer([shell("seq 100", { callId: "call_seq" })]), say("done")],
    });
    await turn(await harness.plugin(), harness.request(prompt));
    const sessionId = await threadOf(harness);

    const list = await sessions(harness);
    expect(list).toMatchObject({ exitCode: 0, stderr: "" });
    expect(list.stdout).toContain(sessionId);
    expect(list.stdout).toContain("look red and on");
    expect(list.stdout).not.toContain("\u001b");
    expect(list.stdout.trim().split("\n")).toHaveLength(2);
    expect(JSON.parse((await sessions(harness, "--json")).stdout)).toMatchObject([{ id: sessionId }]);
    expect((await sessions(harness, "--filter", "nothing like it")).stdout).toBe("no sessions\n");

    const shown = JSON.parse((await sessions(harness, "show", sessionId, "--json")).stdout);
    expect(shown.calls).toMatchObject([{ turn: 1, id: "call_seq", tool: "exec_command" }]);
    const [{ bytes }] = shown.calls;
    expect(bytes).toBeGreaterThan(290);
    const table = (await sessions(harness, "show", sessionId)).stdout;
    expect(table).toContain("call_seq");
    expect(table).toContain(`1 in the context, about ${Math.ceil(bytes / 4)} tokens`);
  });
});

test("a relative CODEX_HOME is one folder for the plugin and for codex", async () => {
  await using harness = await Harness.create({ codex: newestCodex, script: [say("noted")] });
  const home = codexHomeOf(harness.env);
  const env = { ...harness.home.env, CODEX_HOME: relative(process.cwd(), home) };
  Object.defineProperty(harness.home, "env", { value: env });
  expect(harness.env.CODEX_HOME).toMatch(/^\.\./);
  await turn(await harness.plugin(), harness.request("remember 72"));
  expect(JSON.parse((await sessions(harness, "--json")).stdout)).toMatchObject([{ lastMessage: "remember 72" }]);
  expect((await readdir(join(home, "sessions"))).length).toBeGreaterThan(0);
});

test("processes that list concurrently share one index, and list the same sessions", async () => {
  await using harness = await Harness.create({ codex: newestCodex, script: () => say("ok") });
  const plugin = await harness.plugin();
  for (const name of ["one", "two", "three"]) {
    await turn(plugin, harness.request(name, { agent: { agent_id: "alice", workspace: join(harness.folder, name) } }));
  }
  for (let round = 0; round < 3; round++) {
    const lists = await Promise.all([1, 2, 3, 4].map(() => sessions(harness, "--json")));
    for (const { stdout, stderr } of lists) {
      expect(stderr).toBe("");
      expect(JSON.parse(stdout).map(({ lastMessage }: { lastMessage: string }) => lastMessage)).toEqual([
        "three",
        "two",
        "one",
      ]);
    }
  }
});

test("resuming is off by default, and both tools can be switched off", async () => {
  await using harness = await Harness.create({ codex: newestCodex });
  const plugin = await harness.plugin();
  expect((await plugin.listTools()).map(({ name }) => name)).toEqual(["codex_sessions_list"]);
  const call = { name: "codex_session_resume", arguments: { sessionId: "a", prompt: "b" } };
  const refused = await plugin.callTool(call).catch((error: unknown) => error);
  expect(JSON.stringify(refused instanceof Error ? refused.message : refused)).toContain("codex_session_resume");

  await harness.configure({ binary: newestCodex.path, session_tools: false, session_resume: true });
  expect((await harness.plugin()).manifest.contracts.tools).toBeUndefined();
});

test.each([
  [["--limit", "0"], "--limit"],
  [["--limit", "many"], "--limit"],
  [["--dance"], "--dance"],
  [["show"], "the id of a session is missing"],
])("sessions %j is refused on stderr, with exit code 1", async (args, said) => {
  await using harness = await Harness.create({ codex: newestCodex });
  expect(await sessions(harness, ...args)).toEqual({ stdout: "", stderr: expect.stringContaining(said), exitCode: 1 });
});

/** Writes a rollout as codex does, and returns its path. */
async function rollout(harness: Harness, id: string, meta: object, lines: readonly object[], name?: string) {
  const folder = join(codexHomeOf(harness.env), "sessions", "2026", "02", "03");
  await mkdir(folder, { recursive: true });
  const file = join(folder, name ?? `rollout-2026-02-03T04-05-06-${id}.jsonl`);
  const timestamp = "2026-02-03T04:05:06.000Z";
  const first = { type: "session_meta", payload: { id, timestamp, cwd: harness.folder, source: "cli", ...meta } };
  await writeFile(file, [first, ...lines].map((line) => `${JSON.stringify({ timestamp, ...line })}\n`).join(""));
  return file;
}

const item = (payload: object) => ({ type: "response_item", payload });
const event = (payload: object) => ({ type: "event_msg", payload });
const said = (message: string) => [
  item({ type: "message", role: "user", content: [{ type: "input_text", text: message }] }),
  event({ type: "user_message", message }),
];
const called = (callId: string, output: string) => [
  item({ type: "function_call", name: "peek", arguments: "{}", call_id: callId }),
  item({ type: "function_call_output", call_id: callId, output }),
];

const PARENT = "019c2100-aaaa-7000-8000-000000000001";
const CHILD = "019c2100-bbbb-7000-8000-000000000002";
const SPAWNED = {
  source: { subagent: { thread_spawn: { parent_thread_id: PARENT, depth: 1 } } },
  thread_source: "subagent",
};

describe("a session that is shown", () => {
  test("is found by the beginning of its id, even in a renamed file; an ambiguous id lists the candidates, an unknown one is one line", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    const file = await rollout(harness, PARENT, {}, said("mine"), "rollout-of march (conflicted copy).jsonl");
    await rollout(harness, CHILD, {}, said("another"));
    for (const id of [PARENT, PARENT.toUpperCase(), "019c2100-aa"])
      expect(JSON.parse((await sessions(harness, "show", id, "--json")).stdout)).toMatchObject({ id: PARENT, file });
    const ambiguous = await sessions(harness, "show", "019c21");
    expect(ambiguous).toMatchObject({ stdout: "", exitCode: 1 });
    for (const id of [PARENT, CHILD]) expect(ambiguous.stderr).toContain(id);
    expect(ambiguous.stderr).not.toContain("usage");
    for (const id of ["no-such-session", "../x", "019d"]) {
      const { stdout, stderr, exitCode } = await sessions(harness, "show", id);
      expect({ stdout, lines: stderr.split("\n").length - 1, exitCode }).toEqual({ stdout: "", lines: 1, exitCode: 1 });
      expect(stderr).toContain(`there is no session ${id}`);
    }
  });

  test("names the threads that codex started for it, which the list hides by default", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    await rollout(harness, PARENT, {}, said("mine"));
    await rollout(harness, CHILD, SPAWNED, said("look around"));
    const listed = async (...args: string[]) => JSON.parse((await sessions(harness, "--json", ...args)).stdout);
    expect(await listed()).toMatchObject([{ id: PARENT }]);
    const all = await listed("--subagents");
    expect(all).toHaveLength(2);
    const { role } = all.find(({ id }: { id: string }) => id === CHILD);
    expect(all).toContainEqual(expect.objectContaining({ id: CHILD, parentId: PARENT, role: expect.any(String) }));
    const shown = JSON.parse((await sessions(harness, "show", PARENT, "--json")).stdout);
    expect(shown.children).toMatchObject([{ id: CHILD, role }]);
    expect((await sessions(harness, "show", PARENT)).stdout).toContain(`started ${CHILD} (${role})`);
    expect((await sessions(harness, "show", CHILD)).stdout).toContain(`of ${PARENT}`);
    expect((await sessions(harness, "--subagents")).stdout).toContain(`(${role}) look around`);

    const list = { name: "codex_sessions_list", arguments: { subagents: true } };
    const { structuredContent } = await (await harness.plugin()).callTool(list);
    expect(structuredContent).toMatchObject({
      sessions: expect.arrayContaining([expect.objectContaining({ sessionId: CHILD, parentId: PARENT, role })]),
    });
  });

  test("omits calls that were rolled back, unless requested", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    const lines = [
      ...said("talk"),
      ...said("first"),
      ...called("call_kept", "x".repeat(400)),
      ...said("second"),
      ...called("call_gone", "y".repeat(4000)),
      event({ type: "thread_rolled_back", num_turns: 1 }),
    ];
    await rollout(harness, PARENT, {}, lines);
    const calls = async (...args: string[]) =>
      JSON.parse((await sessions(harness, "show", PARENT, "--json", ...args)).stdout).calls;
    const kept = { turn: 2, id: "call_kept", bytes: 402, state: "in-context" };
    expect(await calls()).toMatchObject([kept]);
    expect(await calls("--all")).toMatchObject([kept, { id: "call_gone", state: "rolled-back" }]);
    const { stdout } = await sessions(harness, "show", PARENT, "--all");
    expect(stdout).toContain("1 in the context, about 101 tokens");
    expect(stdout).toMatch(/rollback of 1 turn: 1 call, about [\d,]+ tokens/);
    expect(stdout).toMatch(/call_gone.*rolled-back/);
  });
});

test("the sessions command ends silently when its reader closes the pipe", async () => {
  await using harness = await Harness.create({ codex: newestCodex });
  // The reader closes the pipe before anything is printed.
  const pipeline = '{ "$0" "$1" sessions; echo "exit code $?" >&2; } | true';
  const { stderr } = await promisify(execFile)("sh", ["-c", pipeline, process.execPath, PLUGIN], { env: harness.env });
  expect(stderr).toBe("exit code 0\n");
});
