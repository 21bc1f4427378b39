import { execFile } from "node:child_process";
import { lstat, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { SystemPrompt } from "./system-prompt.ts";
import type { TurnThread } from "./turn-thread.ts";

const THREAD = "01a217e3-170e-74c1-b719-43d3197adcce";
const continued = { threadId: THREAD, rollout: "/nowhere/rollout.jsonl", sizeBefore: 0 } as unknown as TurnThread;

describe("a prompt that was passed before a compaction", () => {
  const system = {
    type: "message",
    role: "developer",
    content: [{ text: "<plexum_system>Be brief.</plexum_system>" }],
  };
  test.each([
    ["is passed again if only the summarized history of codex 0.153 to 0.156 has it", "guardian_history", true],
    ["is not passed again if the new history has it", "replacement_history", false],
  ])("%s", async (_what, key, isPassed) => {
    await using folder = await temporaryFolder();
    const rollout = join(folder.path, "rollout.jsonl");
    await writeFile(rollout, "");
    const first = await SystemPrompt.of(folder.path, "Be brief.", { ...continued, rollout } as unknown as TurnThread);
    expect(first.context).toBeDefined();
    await first.prompt.started(THREAD);
    const line = (type: string, payload: unknown) => `${JSON.stringify({ timestamp: "", type, payload })}\n`;
    const histories = { replacement_history: [], [key]: [system] };
    await writeFile(rollout, line("response_item", system) + line("compacted", { message: "", ...histories }));
    const { size: sizeBefore } = await lstat(rollout);
    const thread = { ...continued, rollout, sizeBefore } as unknown as TurnThread;
    const { context } = await SystemPrompt.of(folder.path, "Be brief.", thread);
    expect(context !== undefined).toBe(isPassed);
  });
});

describe("a file in the workspace that is not the plugin's", () => {
  test.each<[what: string, make: (path: string) => Promise<unknown>]>([
    ["text", (path) => writeFile(path, "given")],
    ["JSON of another shape", (path) => writeFile(path, JSON.stringify({ threadId: THREAD, sha256: 1, from: "0" }))],
    ["null", (path) => writeFile(path, "null")],
    ["far more than is ever written", (path) => writeFile(path, " ".repeat(10_000_000))],
    ["a pipe", (path) => promisify(execFile)("mkfifo", [path])],
  ])("with %s counts as no prompt passed, and is replaced", async (_what, make) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, ".plexum-codex-system");
    await make(path);
    const { prompt, context } = await SystemPrompt.of(folder.path, "Be brief.", continued);
    expect(context).toEqual({ key: "plexum_system", value: "Be brief." });
    await prompt.started(THREAD);
    expect((await lstat(path)).isFile()).toBe(true);
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ threadId: THREAD, isSeen: false });
  });

  test("is replaced if it is a link, and the target does not change", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, ".plexum-codex-system");
    const target = join(folder.path, "target");
    await writeFile(target, "mine");
    await symlink(target, path);
    await symlink(target, `${path}.new`);
    const { prompt } = await SystemPrompt.of(folder.path, "Be brief.", continued);
    await prompt.started(THREAD);
    expect(await readFile(target, "utf8")).toBe("mine");
    expect((await lstat(path)).isFile()).toBe(true);
  });

  test("is left alone if it is a folder, and recording the prompt fails", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, ".plexum-codex-system");
    await mkdir(path);
    await writeFile(join(path, "kept"), "mine");
    const { prompt, context } = await SystemPrompt.of(folder.path, "Be brief.", continued);
    expect(context).toBeDefined();
    await expect(prompt.started(THREAD)).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(await readFile(join(path, "kept"), "utf8")).toBe("mine");
  });
});
