import { readFileSync } from "node:fs";
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DEFAULT_GRACE, MARKER_VARIABLE } from "@plexum/cli-turn";
import { locateCodex } from "@plexum/codex-turn";
import { codex150, testedCodexes } from "@plexum/codex-versions";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";
import { eventually, isAlive, temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { AppServer } from "./app-server.ts";
import { type AppServerTurnOptions, AppServerTurns } from "./index.ts";

async function setUp(binary: string, keep: { keepAliveMs?: number; maxKept?: number } = {}) {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await ScriptedModel.start((request) => say(`to: ${request.prompt}`)));
  const home = stack.use(await CodexHome.create({ baseUrl: model.baseUrl }));
  const folder = stack.use(await temporaryFolder());
  const turns = stack.use(new AppServerTurns({ keepAliveMs: 60_000, maxKept: 8, codexHome: home.path, ...keep }));
  const seen: { pid: number; isKept: boolean; version: string }[] = [];
  const held = stack.move();
  return {
    model,
    home,
    turns,
    folder: folder.path,
    /** The process of each turn. */
    seen,
    async run(options: Partial<AppServerTurnOptions> = {}) {
      const turn = await turns.startTurn({
        prompt: "go",
        workspace: join(folder.path, "workspace"),
        binary,
        env: home.env,
        onProcess: (process) => void seen.push(process),
        ...options,
      });
      for await (const _ of turn.events);
      return turn.result;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

describe.each(testedCodexes(codex150))("kept processes of codex $version", (codex) => {
  test("a process ends when it has been idle too long or must not be kept, and the next turn completes", async () => {
    await using pool = await setUp(codex.path, { keepAliveMs: 200 });
    for (let i = 0; i < 2; i++) {
      expect(await pool.run()).toMatchObject({ status: "completed", lastMessage: "to: go" });
      // Before 0.154 the next process is starting now.
      await delay(50);
      await eventually("it has ended", () => pool.turns.idleCount === 0 && marked().length === 0);
    }
    for (const keep of [{ keepAliveMs: 0 }, { maxKept: 0 }]) {
      await using none = await setUp(codex.path, keep);
      await none.run();
      expect(none.turns.idleCount).toBe(0);
      expect(none.seen.some(({ pid }) => isAlive(pid))).toBe(false);
    }
  });

  test("there are never more processes than running turns plus maxKept", async () => {
    await using pool = await setUp(codex.path, { maxKept: 2 });
    let running = 0;
    const most: number[] = [];
    const inTurns = async (name: string) => {
      for (let i = 0; i < 2; i++) {
        running++;
        const workspace = join(pool.folder, name);
        expect(await pool.run({ workspace, prompt: name })).toMatchObject({ lastMessage: `to: ${name}` });
        running--;
        most.push(marked().length - running);
      }
    };
    await Promise.all(["a", "b", "c", "d", "e"].map(inTurns));
    expect(Math.max(...most)).toBeLessThanOrEqual(2);
  });

  test("a re-created workspace and a changed login each get a new process", async () => {
    await using pool = await setUp(codex.path);
    const workspace = join(pool.folder, "workspace");
    await pool.run();
    await rename(workspace, `${workspace}.old`);
    expect(await pool.run()).toMatchObject({ status: "completed" });
    await mkdir(pool.home.path, { recursive: true });
    await writeFile(join(pool.home.path, "auth.json"), '{"OPENAI_API_KEY":"sk-a"}');
    expect(await pool.run()).toMatchObject({ status: "completed" });
    expect(new Set(pool.seen.map(({ pid }) => pid)).size).toBe(3);
    expect(pool.seen.slice(0, 2).some(({ pid }) => isAlive(pid))).toBe(false);
  });

  test("of 200 requests at once, each gets its own result or is refused, and the process keeps running", async () => {
    await using pool = await setUp(codex.path);
    await using server = await startServer(pool.home.env, pool.folder);
    const read = (n: number) =>
      server.request("thread/read", { threadId: `00000000-0000-7000-8000-${100_000_000_000 + n}` });
    const answers = await Promise.allSettled(Array.from({ length: 200 }, (_, n) => read(n)));
    for (const [n, answer] of answers.entries()) {
      const { message, rpcCode } = (answer as PromiseRejectedResult).reason;
      if (rpcCode === -32001) expect(message).toContain("overloaded");
      else expect(message).toContain(String(100_000_000_000 + n));
    }
    await expect(server.request("config/read", { cwd: pool.folder })).resolves.toHaveProperty("config");
  });

  async function startServer(env: NodeJS.ProcessEnv, workspace: string) {
    const server = await AppServer.start({
      program: await locateCodex(codex.path, env),
      version: codex.version,
      args: [],
      workspace,
      env,
      initializeTimeoutMs: 15_000,
      grace: DEFAULT_GRACE,
      onStderr: () => {},
    });
    return { request: server.request.bind(server), [Symbol.asyncDispose]: () => server.end() };
  }

  test("a lone surrogate in the prompt becomes U+FFFD", async () => {
    await using pool = await setUp(codex.path);
    expect(await pool.run({ prompt: "a\ud800b \\ud800 \udc00" })).toMatchObject({
      lastMessage: "to: a\ufffdb \\ud800 \ufffd",
    });
  });

  /** Returns the app-server processes that carry this process's marker. */
  function marked(): string[] {
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ");
    return children.filter((pid) => {
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, "latin1").includes(`${MARKER_VARIABLE}=`);
        return isOurs && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("app-server");
      } catch {
        return false;
      }
    });
  }
});

test("after the program of a kept process is replaced, the next turn uses the new one, older or newer", async () => {
  await using folder = await temporaryFolder();
  const binary = join(folder.path, "codex");
  const install = async (path: string) => {
    await writeFile(`${binary}.new`, `#!/bin/sh\nexec '${path}' "$@"\n`);
    await chmod(`${binary}.new`, 0o755);
    await rename(`${binary}.new`, binary);
  };
  await install(codex150.path);
  await using pool = await setUp(binary);
  const first = await pool.run();
  await install(newestCodex.path);
  expect(await pool.run({ threadId: first.threadId })).toMatchObject({ status: "completed" });
  await install(codex150.path);
  expect(await pool.run()).toMatchObject({ status: "completed" });
  const { version } = codex150;
  expect(pool.seen.map((process) => process.version)).toEqual([version, newestCodex.version, version]);
});
