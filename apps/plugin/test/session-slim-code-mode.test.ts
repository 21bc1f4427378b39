import { readFile } from "node:fs/promises";
import { since, testedCodexes } from "@plexum/codex-versions";
import { answer, codeModeScript, say } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { CodexThread } from "../../../packages/rollout/src/testing/codex-thread.ts";
import { sessions } from "./sessions-command.ts";

const recall = (key: string) => `(await tools.mcp__recall__recall({key:"${key}"})).content[0].text`;
const text = (value: string) => ({ content: [{ type: "text", text: value }] });

/** Creates a thread with one script, which calls two tools and passes their results on. */
async function threadWithScript(codex: CodexThread["codex"]) {
  const answers = { a: text("SECRET-A ".repeat(200)), b: text("SECRET-B ".repeat(200)) };
  const thread = await CodexThread.create({ codex, model: "gpt-5.6-sol", answers });
  const script = codeModeScript(`text(${recall("a")}); text(${recall("b")})`, { callId: "call_script" });
  await thread.turn([answer([script]), say("1")], "first");
  await thread.turn([say("2")], "second");
  const shown = JSON.parse((await sessions(thread, "show", thread.threadId, "--json")).stdout);
  return { thread, id: thread.threadId, path: await thread.rollout(), shown };
}

const seen = (thread: CodexThread) => JSON.stringify(thread.model.lastRequest.outputsOf("call_script"));

const hasCodeMode = since("0.144.0");

describe.each(testedCodexes().filter(hasCodeMode))("a script's calls in code mode of codex $version", (codex) => {
  test("are shown below their script, and their tokens are counted once", async () => {
    const { thread, id, shown } = await threadWithScript(codex);
    await using _thread = thread;
    const [script, ...nested] = shown.calls;
    expect(script).toMatchObject({
      id: "call_script",
      kind: "custom",
      turn: 1,
      state: "in-context",
      isConsumed: false,
    });
    expect(script.tokens).toBeGreaterThan(800);
    expect(nested).toMatchObject([
      { id: expect.stringMatching(/^exec-/), tool: "recall", kind: "nested", tokens: 0 },
      { id: expect.stringMatching(/^exec-/), tool: "recall", kind: "nested", tokens: 0 },
    ]);
    const { stdout } = await sessions(thread, "show", id);
    expect(stdout.match(/in script/g)).toHaveLength(2);
    expect(stdout.split("\n").filter((line: string) => line.length > 80)).toEqual([]);
  });

  test("are consumed one by one by their ids, and restored byte for byte", async () => {
    const { thread, id, path, shown } = await threadWithScript(codex);
    await using _thread = thread;
    const original = await readFile(path);
    const [, first, second] = shown.calls;

    const dry = await sessions(thread, "consume", id, first.id, "--dry-run", "--json");
    expect(JSON.parse(dry.stdout)).toMatchObject({ mode: "unchanged", calls: [{ id: first.id }], skipped: [] });
    expect(await readFile(path)).toEqual(original);
    const done = JSON.parse((await sessions(thread, "consume", id, first.id, "--yes", "--json")).stdout);
    expect(done).toMatchObject({ mode: "in-place", calls: [{ id: first.id, tool: "recall" }], skipped: [] });
    expect(done.tokensFreed).toBeGreaterThan(300);
    await thread.turn([say("3")], "third");
    expect(seen(thread)).toContain("...(consumed)");
    expect(seen(thread)).not.toContain("SECRET-A");
    expect(seen(thread)).toContain("SECRET-B");

    expect(await sessions(thread, "consume", id, second.id, "--yes")).toMatchObject({ exitCode: 0, stderr: "" });
    await thread.turn([say("4")], "fourth");
    expect(seen(thread)).not.toContain("SECRET");

    const restored = await sessions(thread, "restore", id, "--yes");
    expect(restored).toEqual({ stdout: "restored 2 calls\n", stderr: "", exitCode: 0 });
    expect((await readFile(path)).subarray(0, original.length)).toEqual(original);
    await thread.turn([say("5")], "fifth");
    expect(seen(thread)).toContain("SECRET-A");
    expect(seen(thread)).toContain("SECRET-B");
  });

  test("are consumed with their script if the rules select it", async () => {
    const { thread, id, path } = await threadWithScript(codex);
    await using _thread = thread;
    const original = await readFile(path);
    const done = JSON.parse((await sessions(thread, "consume", id, "--larger-than", "100", "--yes", "--json")).stdout);
    expect(done).toMatchObject({ mode: "in-place", calls: [{ id: "call_script", tool: "exec" }], skipped: [] });
    await thread.turn([say("3")], "third");
    expect(seen(thread)).toBe('["...(consumed)"]');
    expect(await sessions(thread, "restore", id, "--yes")).toMatchObject({ stdout: "restored 1 call\n" });
    expect((await readFile(path)).subarray(0, original.length)).toEqual(original);
  });
});
