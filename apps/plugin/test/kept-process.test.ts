import { execFile } from "node:child_process";
import { chmod, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { since, testedCodexes } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { findRollout } from "@plexum/rollout";
import { answer, functionCall, httpError, say, shell } from "@plexum/scripted-model";
import { isAlive } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { assistant, eventually, Harness, turn, user } from "./harness.ts";
import { appServersOf, processesOf, processesUnder } from "./processes.ts";
import { randomFrom } from "./random.ts";

const threadOf = (harness: Harness) => readFile(join(harness.workspace, ".plexum-codex-session"), "utf8");

/** Returns the process of each turn so far. */
const pidsOf = (harness: Harness) =>
  harness.logs.flatMap(({ fields }) => (fields?.transport === "app-server" ? [fields.pid as number] : []));

/** Returns the plugin's own warnings: codex warns that it does not know the scripted model. */
const warningsOf = (harness: Harness) => harness.warnings().filter((warning) => !warning.includes("Model metadata"));

/** Acts as the user at a terminal. */
const person = (harness: Harness, binary: string, args: readonly string[], stdin = "") => {
  const running = promisify(execFile)(binary, args, { env: harness.env, cwd: harness.workspace });
  running.child.stdin?.end(stdin);
  return running;
};

const EXEC = ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"];

/** An MCP server without tools. Its command line shows its owner. */
const MCP_SERVER = `
  let rest = "";
  process.stdin.on("data", (chunk) => {
    const lines = (rest + chunk).split("\\n");
    rest = lines.pop();
    for (const { id, method, params } of lines.map((line) => JSON.parse(line))) {
      if (id === undefined) continue;
      const result = method === "initialize"
        ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } }
        : { tools: [] };
      process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }) + "\\n");
    }
  });`;

describe.each(testedCodexes())("the kept process of codex $version", (install) => {
  const codex = { ...install, transport: "app-server" } as const;
  /** Before 0.154, codex unloads a thread only when its process exits. The next process is started in advance. */
  const isReused = since("0.154.0")(codex);

  const echo = (config: Record<string, unknown> = {}) =>
    Harness.create({ codex, config, script: (request) => say(`to: ${request.prompt}`) });

  async function says(harness: Harness, plugin: Awaited<ReturnType<Harness["plugin"]>>, prompt: string) {
    expect(await turn(plugin, harness.request(prompt))).toMatchObject({
      text: `to: ${prompt}`,
      error: undefined,
      end: { stop_reason: "end_turn" },
    });
  }

  test("serves one turn after another, and its MCP servers do not accumulate", async () => {
    const mark = `mcp-of-${process.pid}-${codex.version}`;
    const args = JSON.stringify(["-e", MCP_SERVER, mark]);
    await using harness = await Harness.create({
      codex,
      home: { config: `[mcp_servers.own]\ncommand = ${JSON.stringify(process.execPath)}\nargs = ${args}\n` },
      script: async (request) => {
        await eventually("the MCP server runs", () => processesOf(mark).length > 0);
        return say(`to: ${request.prompt}, servers: ${processesOf(mark).length}`);
      },
    });
    const plugin = await harness.plugin();
    for (const prompt of ["one", "two", "three", "four"]) {
      expect((await turn(plugin, harness.request(prompt))).text).toBe(`to: ${prompt}, servers: 1`);
      expect(processesOf(mark)).toEqual([]);
    }
    expect(new Set(pidsOf(harness)).size).toBe(isReused ? 1 : 4);
    expect(harness.logs.filter(({ message }) => message === "turn on a kept codex")).toHaveLength(3);
    expect(appServersOf(plugin.pid as number)).toHaveLength(1);
  });

  test("sees changes to the thread between turns: a mutation, the user's own turn", async () => {
    await using harness = await Harness.create({
      codex,
      script: [answer([shell("echo swordfish", { callId: "call_a" })]), say("noted"), say("to a person"), say("back")],
    });
    const plugin = await harness.plugin();
    await turn(plugin, harness.request("look"));
    const kept = await eventually("one is kept", () => appServersOf(plugin.pid as number)[0]);
    const mutations = [{ block_id: "call_a", op: "consume-light" }];
    const agent = { agent_id: "alice", workspace: harness.workspace };
    expect(await plugin.mutate({ ...agent, mutations })).toMatchObject({ touched: 1 });
    await person(harness, codex.path, [...EXEC, "resume", await threadOf(harness), "-"], "a person was here");
    expect(harness.model.lastRequest.outputsOf("call_a")).toEqual(["...(consumed)"]);
    expect((await turn(plugin, harness.request("go on"))).text).toBe("back");
    expect(harness.model.lastRequest.outputsOf("call_a")).toEqual(["...(consumed)"]);
    expect(harness.model.lastRequest.userTexts).toEqual(expect.arrayContaining(["look", "a person was here", "go on"]));
    // The same process was kept throughout.
    expect(pidsOf(harness).at(-1)).toBe(kept);
  });

  test("while the user has the thread open, the turn completes or is busy; afterwards it completes", async () => {
    await using harness = await Harness.create({ codex, script: [say("first")] });
    const plugin = await harness.plugin();
    await turn(plugin, harness.request("look"));
    harness.model.play((request) => (request.prompt === "and I" ? { kind: "hang" } : say("here")));
    const asked = harness.model.requests.length;
    const open = person(harness, codex.path, [...EXEC, "resume", await threadOf(harness), "-"], "and I");
    const left = open.catch(() => {});
    await eventually("the person's turn runs", () => harness.model.requests.length > asked);
    const { text, error } = await turn(plugin, harness.request("go on"));
    // Before 0.147 nothing prevents two codexes from using one thread.
    if (since("0.147.0")(codex)) expect(error?.code).toBe("thread_busy");
    else expect(text).toBe("here");
    open.child.kill("SIGKILL");
    await left;
    expect(await turn(plugin, harness.request("and now?"))).toMatchObject({ text: "here", error: undefined });
  });

  test("if it was killed while idle, just now or earlier, the next turn completes", async () => {
    await using harness = await echo();
    const plugin = await harness.plugin();
    await says(harness, plugin, "first");
    for (const waitMs of [0, 0, 1, 5, 300]) {
      process.kill(await eventually("one is kept", () => appServersOf(plugin.pid as number)[0]), "SIGKILL");
      await delay(waitMs);
      await says(harness, plugin, `after ${waitMs} ms`);
    }
    expect(harness.model.lastRequest.userTexts.filter((text) => /^(first|after)/.test(text))).toHaveLength(6);
  });

  test("if it is killed in its second turn, that turn reports a crash and the next one completes", async () => {
    await using harness = await echo();
    const plugin = await harness.plugin();
    await says(harness, plugin, "first");
    const asked = harness.model.requests.length;
    harness.model.play([{ kind: "hang" }]);
    const ending = turn(plugin, harness.request("second"));
    await eventually("the model is asked", () => harness.model.requests.length > asked);
    process.kill(pidsOf(harness).at(-1) as number, "SIGKILL");
    expect(await ending).toMatchObject({ error: { code: "crashed" }, end: { stop_reason: "error" } });
    harness.model.play((request) => say(`to: ${request.prompt}`));
    await says(harness, plugin, "third");
    expect(harness.model.lastRequest.userTexts).toEqual(expect.arrayContaining(["first", "third"]));
  });

  test("ends when it has been idle for keep_alive_ms; turns that start at that moment complete", async () => {
    await using harness = await echo({ keep_alive_ms: 200 });
    const plugin = await harness.plugin();
    const kept = () => appServersOf(plugin.pid as number);
    for (let i = 0; i < 3; i++) {
      await says(harness, plugin, `turn ${i}`);
      // Before 0.154 the next process is already starting.
      await delay(50);
      await eventually("it has ended", () => kept().length === 0);
    }
    for (const idleMs of [190, 200, 205, 215]) {
      await says(harness, plugin, `after ${idleMs} ms`);
      await delay(idleMs);
    }
    await says(harness, plugin, "last");
  });

  test("is not kept if keep_alive_ms is 0", async () => {
    await using harness = await echo({ keep_alive_ms: 0 });
    const plugin = await harness.plugin();
    for (const prompt of ["one", "two"]) {
      await says(harness, plugin, prompt);
      expect(appServersOf(plugin.pid as number)).toEqual([]);
    }
  });

  test("concurrent turns on ten workspaces stay separate, and at most max_kept idle processes are kept", async () => {
    const maxKept = 2;
    await using harness = await Harness.create({
      codex,
      config: { max_kept: maxKept },
      script: (request) => {
        if (!request.continuesTurn)
          return answer([shell(`echo ${request.prompt}`, { callId: `call-${request.prompt}` })]);
        return say(`to: ${request.prompt}`);
      },
    });
    const plugin = await harness.plugin();
    let running = 0;
    let most = 0;
    const look = () => {
      most = Math.max(most, appServersOf(plugin.pid as number).length - running);
    };
    const watch = setInterval(look, 10);
    const run = async (workspace: string) => {
      const agent = { agent_id: workspace, workspace: join(harness.folder, workspace) };
      for (let i = 0; i < 3; i++) {
        const prompt = `${workspace}-${i}`;
        running++;
        const { text, events } = await turn(plugin, harness.request(prompt, { agent }));
        expect(text).toBe(`to: ${prompt}`);
        const emitted = events.flatMap((event) =>
          event.type === "tool_call_start"
            ? [event.tool_call.id]
            : event.type === "tool_result"
              ? [event.tool_result.tool_call_id]
              : [],
        );
        expect(emitted).toEqual([`call-${prompt}`, `call-${prompt}`]);
        look();
        running--;
      }
    };
    await Promise.all(Array.from({ length: 10 }, (_, n) => run(`w${n}`)));
    clearInterval(watch);
    expect(most).toBeLessThanOrEqual(maxKept);
    await eventually("as many are kept", () => appServersOf(plugin.pid as number).length === maxKept);
  });

  test("is replaced after a login, a logout, and a refused turn", async () => {
    await using harness = await echo();
    const plugin = await harness.plugin();
    await says(harness, plugin, "first");
    await person(harness, codex.path, ["login", "--with-api-key"], "sk-test-key");
    await says(harness, plugin, "signed in");
    await person(harness, codex.path, ["logout"]);
    await says(harness, plugin, "signed out");
    harness.model.play([httpError(401, { error: { message: "Incorrect API key", code: "invalid_api_key" } })]);
    expect((await turn(plugin, harness.request("refused"))).error?.code).toBe("not_signed_in");
    harness.model.play((request) => say(`to: ${request.prompt}`));
    await says(harness, plugin, "last");
    const pids = pidsOf(harness);
    expect(pids).toHaveLength(5);
    // The refused turn still ran on the previous process.
    expect(new Set(pids).size).toBe(isReused ? 4 : 5);
    expect(pids.slice(0, -1).filter(isAlive)).toEqual([]);
  });

  test("is replaced, and ended, when codex was replaced", async () => {
    await using harness = await echo();
    const binary = join(harness.folder, "codex");
    const install = async () => {
      await writeFile(`${binary}.new`, `#!/bin/sh\nexec '${codex.path}' "$@"\n`);
      await chmod(`${binary}.new`, 0o755);
      await rename(`${binary}.new`, binary);
    };
    await install();
    await harness.configure({ binary, transport: "app-server" });
    const plugin = await harness.plugin();
    await says(harness, plugin, "first");
    const before = await eventually("one is kept", () => appServersOf(plugin.pid as number)[0]);
    await install();
    await says(harness, plugin, "second");
    expect(pidsOf(harness).at(-1)).not.toBe(before);
    expect(isAlive(before)).toBe(false);
    expect(harness.model.lastRequest.userTexts).toContain("first");
  });

  test("if the rollout is deleted between turns, a new thread on the kept process gets the conversation", async () => {
    await using harness = await echo();
    const plugin = await harness.plugin();
    await says(harness, plugin, "first");
    const threadId = await threadOf(harness);
    const rollout = await findRollout(threadId, { codexHome: harness.home.path });
    await rm(rollout?.path as string);
    const messages = [user("first"), assistant("to: first"), user("second")];
    expect(await turn(plugin, harness.request(messages))).toMatchObject({ end: { stop_reason: "end_turn" } });
    expect(warningsOf(harness)).toEqual([expect.stringContaining(`no longer has a record of thread ${threadId}`)]);
    expect(harness.model.lastRequest.prompt).toContain("to: first");
    await says(harness, plugin, "third");
    expect(await threadOf(harness)).not.toBe(threadId);
  });

  test("if the end of a turn could not be written on a full disk, the next turn continues the thread", async () => {
    await using harness = await echo();
    const binary = join(harness.folder, "codex");
    await writeFile(binary, `#!/bin/sh\ntrap '' XFSZ\nexec '${codex.path}' "$@"\n`, { mode: 0o755 });
    await harness.configure({ binary, transport: "app-server" });
    const plugin = await harness.plugin();
    await says(harness, plugin, "first");
    const threadId = await threadOf(harness);
    const rollout = (await findRollout(threadId, { codexHome: harness.home.path }))?.path as string;
    // Simulates a full disk: no file may grow beyond the rollout's current size.
    const limitTo = (bytes: string) =>
      promisify(execFile)("prlimit", [`--pid=${pidsOf(harness).at(-1)}`, `--fsize=${bytes}:`]);
    const { promise: isLimited, resolve: goOn } = Promise.withResolvers<void>();
    harness.model.play(async (request) => {
      await isLimited;
      return say(`to: ${request.prompt}`);
    });
    const ending = turn(plugin, harness.request("second"));
    await eventually("the prompt is recorded", async () => (await readFile(rollout, "utf8")).includes('"second"'));
    await limitTo(String((await stat(rollout)).size));
    goOn();
    await ending;
    // If the process is not kept, the next one has no limit.
    if (isReused) await limitTo("unlimited");
    await says(harness, plugin, "third");
    expect(harness.model.lastRequest.userTexts).toEqual(expect.arrayContaining(["first", "second", "third"]));
    expect(await threadOf(harness)).toBe(threadId);
  });

  test("if the plugin is killed, idle or busy, none of its processes is left within 3 s", async () => {
    const random = randomFrom(20_260_107);
    for (const [kind, beforeMs] of [
      ["idle", 0],
      ["idle", 100 * random()],
      ["first turn", 100 * random()],
      ["first turn", 400 * random()],
      ["second turn", 100 * random()],
    ] as const) {
      await using harness = await echo();
      const plugin = await harness.plugin();
      const isRun = kind !== "first turn";
      if (isRun) await says(harness, plugin, "first");
      if (kind !== "idle") harness.model.play(() => answer([shell("setsid sleep 300 & sleep 300")]));
      const ending = kind === "idle" ? undefined : turn(plugin, harness.request("busy")).catch(() => {});
      await delay(beforeMs);
      process.kill(plugin.pid as number, "SIGKILL");
      await ending;
      await eventually(`nothing is left (${kind})`, () => processesUnder(harness.folder).length === 0, 3000);
    }
  });
});

/** Runs the real codex, except that `codex app-server` runs this shell script instead. */
async function withBrokenAppServer(script: string, transport: "auto" | "app-server") {
  await using stack = new AsyncDisposableStack();
  const harness = stack.use(
    await Harness.create({ codex: newestCodex, script: (request) => say(`to: ${request.prompt}`) }),
  );
  const binary = join(harness.folder, "codex");
  await writeFile(binary, `#!/bin/sh\n[ "$1" = app-server ] || exec '${newestCodex.path}' "$@"\n${script}\n`);
  await chmod(binary, 0o755);
  await harness.configure({ binary, transport });
  const plugin = await harness.plugin();
  const held = stack.move();
  return { harness, plugin, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

const ANSWER = '{"id":0,"result":{"userAgent":"plexum/0.169.0"}}';

test.concurrent.each(testedCodexes())(
  "silence for stall_ms ends a turn on codex $version, and the next one completes; a command or a host tool may take longer",
  async (install) => {
    await using harness = await Harness.create({
      codex: { ...install, transport: "app-server" },
      config: { stall_ms: 4000 },
      script: (request) => {
        if (request.prompt === "hang") return { kind: "hang" };
        if (request.continuesTurn || request.prompt === "and now?") return say("done");
        if (request.prompt === "command") return answer([shell("sleep 6")]);
        const namespace = request.toolNames.find((name) => name.endsWith(".look"))?.replace(/\.look$/, "") ?? "none";
        return answer([functionCall("look", {}, { namespace })]);
      },
    });
    const plugin = await harness.plugin({
      async callTool() {
        await delay(6000);
        return { content: [{ type: "text", text: "seen" }] };
      },
    });
    const run = (prompt: string, workspace = prompt) => {
      const agent = { agent_id: workspace, workspace: join(harness.folder, workspace) };
      const tools = [{ name: "look", input_schema: { type: "object" } }];
      return turn(plugin, harness.request(prompt, { agent, request: { messages: [user(prompt)], tools } }));
    };
    const [hang, command, call] = await Promise.all(["hang", "command", "call"].map((prompt) => run(prompt)));
    expect(hang).toMatchObject({
      error: { code: "stalled", message: expect.stringContaining("codex says that the thread is active") },
      end: { stop_reason: "error" },
    });
    expect(command).toMatchObject({ text: "done", error: undefined });
    expect(call).toMatchObject({ text: "done", error: undefined });
    expect(await run("and now?", "hang")).toMatchObject({ text: "done", error: undefined });
    expect(harness.model.lastRequest.userTexts).toContain("hang");
  },
);

test.concurrent.each([
  ["never answers", "exec sleep 300", /did not start: .*no answer/],
  ["answers late", `sleep 60; echo '${ANSWER}'; exec sleep 300`, /did not start: .*no answer/],
  [
    "answers with lines that are not messages",
    `printf '\\377{"id":0\\n[]\\n"x"\\n'; exec sleep 300`,
    /did not start: .*no answer/,
  ],
  ["answers with an error", `echo '{"id":0,"error":{"code":-1,"message":"not today"}}'; exec sleep 300`, /not today/],
  [
    "does not exist",
    `echo "error: unrecognized subcommand 'app-server'" >&2; exit 2`,
    /did not start: it exited with code 2.*unrecognized subcommand/,
  ],
  ["is killed", "kill -KILL $$", /did not start: it was killed by SIGKILL/],
  ["closes its stdout but keeps running", "exec >&-; exec sleep 300", /did not start/],
])("if an app-server %s, the turns run by exec, and one warning says why", async (_name, script, why) => {
  await using broken = await withBrokenAppServer(script, "auto");
  const { harness, plugin } = broken;
  for (const prompt of ["one", "two"]) {
    expect(await turn(plugin, harness.request(prompt))).toMatchObject({ text: `to: ${prompt}`, error: undefined });
  }
  expect(harness.model.lastRequest.userTexts).toContain("one");
  expect(warningsOf(harness)).toEqual([expect.stringMatching(why)]);
  expect(warningsOf(harness)[0]).toContain("the turn runs with codex exec");
  expect(processesUnder(harness.folder).filter((pid) => pid !== plugin.pid)).toHaveLength(1);
});

test.concurrent("an unavailable app-server, with no other transport allowed: the turn can't start", async () => {
  await using broken = await withBrokenAppServer("exit 2", "app-server");
  await expect(turn(broken.plugin, broken.harness.request("one"))).rejects.toMatchObject({
    data: { code: "app_server_unavailable" },
  });
});
