import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { testedCodexes } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { answer, say, shell } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { byEachTransport, Harness, PLUGIN, turn } from "./harness.ts";

const threadOf = (harness: Harness) => readFile(join(harness.workspace, ".plexum-codex-session"), "utf8");

/** The subcommand as a person runs it. */
async function sessions(harness: Harness, ...args: string[]) {
  const run = promisify(execFile)(process.execPath, [PLUGIN, "sessions", ...args], {
    env: { ...harness.env, XDG_CACHE_HOME: harness.folder },
  });
  return run.then(
    ({ stdout, stderr }) => ({ stdout, stderr, exitCode: 0 }),
    ({ stdout, stderr, code }) => ({ stdout, stderr, exitCode: code as number }),
  );
}

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

  test("are shown to a person, with what each call costs", async () => {
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
    expect(table).toContain(`1 calls, ${bytes} bytes, about ${Math.ceil(bytes / 4)} tokens`);
  });
});

test("processes that list at the same time share one index, and list the same", async () => {
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

test("resuming is off unless switched on, and both tools can be switched off", async () => {
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
  [["show"], "unknown arguments"],
  [["show", "no-such-session"], "there is no session no-such-session"],
])("sessions %j is refused on stderr, with exit code 1", async (args, said) => {
  await using harness = await Harness.create({ codex: newestCodex });
  expect(await sessions(harness, ...args)).toEqual({ stdout: "", stderr: expect.stringContaining(said), exitCode: 1 });
});

test("a reader that has seen enough ends the sessions command without a word", async () => {
  await using harness = await Harness.create({ codex: newestCodex });
  // The reader is gone before anything is printed.
  const pipeline = '{ "$0" "$1" sessions; echo "exit code $?" >&2; } | true';
  const { stderr } = await promisify(execFile)("sh", ["-c", pipeline, process.execPath, PLUGIN], { env: harness.env });
  expect(stderr).toBe("exit code 0\n");
});
