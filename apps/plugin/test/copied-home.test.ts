import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { findSession, listSessions } from "@plexum/codex-sessions";
import { testedCodexes } from "@plexum/codex-versions";
import { connectPlugin } from "@plexum/plugin-sdk";
import { findRollout } from "@plexum/rollout";
import { answer, say, shell } from "@plexum/scripted-model";
import { lockThread, WorkspaceThread } from "@plexum/session-store";
import { describe, expect, onTestFinished, test } from "vitest";
import { Harness, PLUGIN, turn } from "./harness.ts";

/** Holds a file's lock until it is killed. */
const HOLD = 'exec 9>>"$1" && flock 9 && echo held && read _';
const CONSUMED = "...(tool called)";

async function withOneCall(codex: ReturnType<typeof testedCodexes>[number]) {
  const harness = await Harness.create({
    codex,
    script: [answer([shell(`echo ${"long ".repeat(20)}`, { callId: "call_a" })]), say("noted"), say("on")],
  });
  const plugin = await harness.plugin();
  await turn(plugin, harness.request("look"));
  await plugin.close();
  const { threadId = "" } = await new WorkspaceThread(harness.workspace).load();
  const rollout = (await findRollout(threadId, { codexHome: harness.home.path }))?.path ?? "";
  return { harness, threadId, rollout };
}

/** A plugin for another codex home. */
async function pluginIn(harness: Harness, codexHome: string) {
  const plugin = await connectPlugin({
    command: process.env.PLEXUM_TEST_NODE ?? process.execPath,
    args: [PLUGIN],
    env: { ...harness.env, CODEX_HOME: codexHome },
    onLog: (entry) => harness.logs.push(entry),
  });
  onTestFinished(() => plugin.close());
  return plugin;
}

const consume = (harness: Harness) => ({
  agent_id: "alice",
  workspace: harness.workspace,
  mutations: [{ block_id: "call_a", op: "consume-heavy" }],
});

describe.each(testedCodexes())("two homes of codex $version", (codex) => {
  test("if one is a copy of the other, consuming in the copy changes only the copy, even while the original is locked", async () => {
    const { harness, threadId, rollout } = await withOneCall(codex);
    await using _harness = harness;
    const [first, copy] = [harness.home.path, join(harness.folder, "copy")];
    await cp(first, copy, { recursive: true });
    const ownFile = join(copy, rollout.slice(first.length));
    const before = await readFile(rollout);

    // Like a codex that has the thread open there, and a turn of the plugin.
    const locks = join(first, "thread-writer-locks");
    await mkdir(locks, { recursive: true });
    const holder = spawn("sh", ["-c", HOLD, "sh", join(locks, `${threadId}.lock`)]);
    onTestFinished(() => void holder.kill("SIGKILL"));
    await once(holder.stdout, "data");
    await using _lock = await lockThread(first, threadId);

    const options = { codexHome: copy, cacheFolder: join(harness.folder, "cache") };
    expect((await listSessions(options)).sessions).toMatchObject([{ id: threadId, file: ownFile }]);
    expect(await findSession(threadId.slice(0, 20), options)).toMatchObject({ file: ownFile });
    const plugin = await pluginIn(harness, copy);
    expect(await plugin.mutate(consume(harness))).toMatchObject({ touched: 1, missing: [], skipped: [] });
    expect(await readFile(rollout)).toEqual(before);
    expect(await readFile(ownFile, "utf8")).toContain(CONSUMED);
    expect((await turn(plugin, harness.request("go on"))).text).toBe("on");
    expect(harness.model.lastRequest.outputsOf("call_a")).toEqual([CONSUMED]);
    expect(await readFile(rollout)).toEqual(before);
  });

  test("if the sessions of one are a link into the other, a mutation waits for a turn in either", async () => {
    const { harness, threadId, rollout } = await withOneCall(codex);
    await using _harness = harness;
    const [first, linked] = [harness.home.path, join(harness.folder, "linked")];
    await cp(first, linked, { recursive: true });
    await rename(join(linked, "sessions"), join(linked, "sessions of its own"));
    await symlink(join(first, "sessions"), join(linked, "sessions"));
    const plugin = await pluginIn(harness, linked);
    let isDone = false;
    const lock = await lockThread(first, threadId);
    const mutated = plugin.mutate(consume(harness)).finally(() => {
      isDone = true;
    });
    // It now holds its own home's lock and waits for that of the other home.
    await expect
      .poll(
        () =>
          lockThread(linked, threadId).then(
            async (free) => {
              await free[Symbol.asyncDispose]();
              return "free";
            },
            (error) => error.code,
          ),
        { timeout: 10_000 },
      )
      .toBe("busy");
    expect(await readFile(rollout, "utf8")).not.toContain(CONSUMED);
    expect(isDone).toBe(false);
    await lock[Symbol.asyncDispose]();
    expect(await mutated).toMatchObject({ touched: 1 });
    expect(await readFile(rollout, "utf8")).toContain(CONSUMED);
  });
});
