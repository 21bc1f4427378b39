import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { since, testedCodexes } from "@plexum/codex-versions";
import type { Mutation } from "@plexum/plugin-sdk";
import { findRollout } from "@plexum/rollout";
import { answer, codeModeScript, say, shell } from "@plexum/scripted-model";
import { lockThread } from "@plexum/session-store";
import { describe, expect, test } from "vitest";
import { byEachTransport, eventually, Harness, turn, user } from "./harness.ts";

const SECRET = "swordfish-71";

const consume = (harness: Harness, mutations: Mutation[]) => ({
  agent_id: "alice",
  workspace: harness.workspace,
  mutations,
});

const light = (block_id: string): Mutation => ({ block_id, op: "consume-light" });
const heavy = (block_id: string): Mutation => ({ block_id, op: "consume-heavy" });

describe.each(byEachTransport(testedCodexes()))("consuming tool results on codex $version by $transport", (codex) => {
  test("the model no longer sees what the host consumed, and all later turns complete", async () => {
    await using harness = await Harness.create({
      codex,
      script: [
        answer([
          shell(`echo light ${SECRET}`, { callId: "call_light" }),
          shell(`echo heavy ${SECRET}`, { callId: "call_heavy" }),
        ]),
        say("noted"),
        say("two"),
        say("three"),
      ],
    });
    const plugin = await harness.plugin();
    const { events } = await turn(plugin, harness.request("look"));
    expect(events.filter(({ type }) => type === "tool_result")).toHaveLength(2);

    const report = await plugin.mutate(
      consume(harness, [
        light("call_light"),
        heavy("call_heavy"),
        heavy("call_unknown"),
        { block_id: "call_light2", op: "trim" },
      ]),
    );
    expect(report).toEqual({
      requested: 4,
      touched: 2,
      missing: ["call_unknown"],
      skipped: [{ block_id: "call_light2", reason: expect.stringContaining('"trim"') }],
      tokens_freed: expect.any(Number),
      tokens_uncached: expect.any(Number),
    });
    expect(report.tokens_freed).toBeGreaterThan(0);

    for (const expected of ["two", "three"]) {
      expect((await turn(plugin, harness.request("go on"))).text).toBe(expected);
      const { lastRequest } = harness.model;
      expect(lastRequest.outputsOf("call_light")).toEqual(["...(consumed)"]);
      expect(lastRequest.outputsOf("call_heavy")).toEqual(["...(tool called)"]);
      const call = lastRequest.input.find((item) => item.call_id === "call_heavy" && item.type === "function_call");
      expect(call?.arguments).toBe("{}");
      // A lightly consumed call keeps its arguments, which contain the word.
      const said = JSON.stringify(lastRequest.input.filter((item) => item.call_id !== "call_light"));
      expect(said).not.toContain(SECRET);
    }
  });

  test("consuming again changes nothing, and without a thread or a rollout there is nothing to consume", async () => {
    await using harness = await Harness.create({
      codex,
      script: [answer([shell("echo a", { callId: "call_a" })]), say("ok")],
    });
    const plugin = await harness.plugin();
    expect(await plugin.mutate(consume(harness, [light("call_a")]))).toEqual({
      requested: 1,
      touched: 0,
      missing: ["call_a"],
      skipped: [],
      tokens_freed: 0,
      tokens_uncached: 0,
    });
    await turn(plugin, harness.request("look"));
    await plugin.mutate(consume(harness, [light("call_a")]));
    const path = await rolloutOf(harness);
    const before = await stat(path, { bigint: true });
    const again = await plugin.mutate(consume(harness, [light("call_a")]));
    expect(again).toMatchObject({ touched: 1, missing: [] });
    expect((await stat(path, { bigint: true })).mtimeNs).toBe(before.mtimeNs);
    await rm(join(harness.home.path, "sessions"), { recursive: true });
    expect(await plugin.mutate(consume(harness, [light("call_a")]))).toMatchObject({ touched: 0, missing: ["call_a"] });
  });

  test("a mutation waits for the running turn", async () => {
    await using harness = await Harness.create({
      codex,
      script: [
        answer([shell("echo a", { callId: "call_a" })]),
        answer([shell("sleep 1", { callId: "call_b" })]),
        say("ok"),
      ],
    });
    const plugin = await harness.plugin();
    const order: string[] = [];
    const running = turn(plugin, harness.request("look")).then(() => order.push("turn"));
    await eventually("the first call is over", () => harness.model.requests.length >= 2);
    const report = await plugin.mutate(consume(harness, [light("call_a")])).finally(() => order.push("mutation"));
    await running;
    expect(order).toEqual(["turn", "mutation"]);
    expect(report).toMatchObject({ touched: 1 });
  });

  test("a turn waits for a running mutation", async () => {
    await using harness = await Harness.create({
      codex,
      script: [answer([shell(`echo ${SECRET}`, { callId: "call_a" })]), say("ok"), say("next")],
    });
    const plugin = await harness.plugin();
    await turn(plugin, harness.request("look"));
    const rollout = await rolloutOf(harness);
    const release = await mutateElsewhere(rollout);
    const order: string[] = [];
    const mutating = plugin.mutate(consume(harness, [heavy("call_a")])).finally(() => order.push("mutation"));
    const threadId = await readFile(join(harness.workspace, ".plexum-codex-session"), "utf8");
    await eventually("the mutation has the thread", async () => {
      const lock = await lockThread(harness.home.path, threadId).catch(() => "held" as const);
      if (lock === "held") return true;
      await lock[Symbol.asyncDispose]();
      return false;
    });
    const running = turn(plugin, harness.request("go on")).finally(() => order.push("turn"));
    // Long enough for the turn to be refused by mistake.
    await Promise.race([running, mutating, new Promise((resolve) => setTimeout(resolve, 1500))]);
    expect(order).toEqual([]);
    await release();
    expect(await mutating).toMatchObject({ touched: 1 });
    expect((await running).text).toBe("next");
    expect(harness.model.lastRequest.outputsOf("call_a")).toEqual(["...(tool called)"]);
  });

  test("a call whose codex was killed has no result, and loses its arguments", async () => {
    await using harness = await Harness.create({
      codex,
      script: [
        answer([
          shell(`echo ${SECRET}; sleep 60`, { callId: "call_a" }),
          shell(`echo ${SECRET} again; sleep 60`, { callId: "call_b" }),
        ]),
        say("next"),
      ],
    });
    const plugin = await harness.plugin();
    await killCodex(harness, turn(plugin, harness.request("look")), "call_b");
    const report = await plugin.mutate(consume(harness, [heavy("call_a"), light("call_b")]));
    expect(report).toMatchObject({
      touched: 1,
      missing: [],
      skipped: [{ block_id: "call_b", reason: expect.stringContaining("no output") }],
    });
    expect((await turn(plugin, harness.request("go on"))).text).toBe("next");
    const call = harness.model.lastRequest.input.find(({ call_id }) => call_id === "call_a");
    expect(call?.arguments).toBe("{}");
    expect(JSON.stringify(harness.model.lastRequest.input).match(new RegExp(SECRET, "g"))).toHaveLength(1);
  });

  test("the next turn removes the lock of a killed mutation", async () => {
    await using harness = await Harness.create({
      codex,
      script: [answer([shell("echo a", { callId: "call_a" })]), say("ok"), say("next")],
    });
    const plugin = await harness.plugin();
    await turn(plugin, harness.request("look"));
    const folder = dirname(await rolloutOf(harness));
    dieLocking(await rolloutOf(harness));
    const locks = async () => (await readdir(folder)).filter((name) => name.startsWith(".plexum-"));
    expect(await locks()).toEqual([expect.stringMatching(/\.lock$/)]);
    expect((await turn(plugin, harness.request("go on"))).text).toBe("next");
    expect(await locks()).toEqual([]);
  });

  test("in a missing workspace, every call is missing, and the workspace is not created", async () => {
    await using harness = await Harness.create({ codex });
    const plugin = await harness.plugin();
    expect(await plugin.mutate(consume(harness, [light("call_a")]))).toMatchObject({ touched: 0, missing: ["call_a"] });
    expect(existsSync(harness.workspace)).toBe(false);
  });
});

/** Kills codex outright once the rollout has a call, and waits for the turn's end. */
async function killCodex(harness: Harness, running: Promise<unknown>, callId: string): Promise<void> {
  await eventually(`codex has recorded ${callId}`, async () => {
    const path = await rolloutOf(harness).catch(() => undefined);
    return path !== undefined && (await readFile(path, "utf8")).includes(`"call_id":"${callId}"`);
  });
  process.kill(harness.logs.find(({ message }) => message === "codex started")?.fields.pid as number, "SIGKILL");
  await running;
}

/** Kills a process that holds a rollout's lock. */
function dieLocking(rollout: string): void {
  const script = `import { lockJsonl } from ${JSON.stringify(import.meta.resolve("../../../packages/jsonl-edit/src/index.ts"))};
await lockJsonl(${JSON.stringify(rollout)}, { sidecarPrefix: ".plexum-" });
process.kill(process.pid, "SIGKILL");`;
  const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
  expect(signal).toBe("SIGKILL");
}

/** Locks a rollout like a mutation on another machine, so that a mutation here waits. Returns the function that releases the lock. */
async function mutateElsewhere(rollout: string): Promise<() => Promise<void>> {
  const key = createHash("sha256").update(basename(rollout)).digest("hex").slice(0, 16);
  const lock = join(dirname(rollout), `.plexum-${key}.lock`);
  const holder = { pid: 1, started: "", host: "elsewhere", boot: "", namespace: "", nonce: "a" };
  await writeFile(lock, JSON.stringify(holder));
  return () => rm(lock);
}

const withCodeMode = testedCodexes().filter(since("0.144.0"));

test.each(withCodeMode)(
  "in code mode of codex $version, a nested call is consumed by the id that the host saw",
  async (codex) => {
    const call = (key: string) => `(await tools.mcp__plexum_host_alice__lookup({key: "${key}"})).content[0].text`;
    await using harness = await Harness.create({
      codex,
      home: { model: "gpt-5.6-sol" },
      config: { code_mode_tools: "nested" },
      script: [
        answer([codeModeScript(`text("one: " + ${call("one")}); text(${call("two")});`, { callId: "call_outer" })]),
        say("ok"),
        say("next"),
      ],
    });
    const calledWith: (string | undefined)[] = [];
    const plugin = await harness.plugin({
      async callTool({ call_id, arguments: args }) {
        calledWith.push(call_id);
        return { content: [{ type: "text", text: `${SECRET}-${args.key}` }] };
      },
    });
    const tools = [{ name: "lookup", input_schema: { type: "object" } }];
    const request = () => harness.request("go", { request: { messages: [user("go")], tools } });
    const { events } = await turn(plugin, request());
    const emitted = events.flatMap((event) => (event.type === "tool_call_start" ? [event.tool_call.id] : []));
    const nested = emitted.filter((id) => id !== "call_outer");
    expect(nested).toHaveLength(2);
    // Before 0.148 codex does not record which call it makes.
    expect(calledWith).toEqual(since("0.148.0")(codex) ? nested : [undefined, undefined]);
    expect(await plugin.mutate(consume(harness, [light(nested[0] as string)]))).toMatchObject({
      touched: 1,
      skipped: [],
    });
    await turn(plugin, request());
    const output = JSON.stringify(harness.model.lastRequest.outputsOf("call_outer"));
    expect(output).not.toContain(`${SECRET}-one`);
    expect(output).toContain("one: ...(consumed)");
    expect(output).toContain(`${SECRET}-two`);
  },
);

test.each(byEachTransport(withCodeMode))(
  "in code mode of codex $version by $transport, a call whose codex was killed loses its script",
  async (codex) => {
    const script = `const ${SECRET.replace("-", "_")} = 1; await new Promise(() => {});`;
    await using harness = await Harness.create({
      codex,
      home: { model: "gpt-5.6-sol" },
      script: [answer([codeModeScript(script, { callId: "call_outer" })]), say("next")],
    });
    const plugin = await harness.plugin();
    await killCodex(harness, turn(plugin, harness.request("look")), "call_outer");
    expect(await plugin.mutate(consume(harness, [heavy("call_outer")]))).toMatchObject({ touched: 1, skipped: [] });
    expect((await turn(plugin, harness.request("go on"))).text).toBe("next");
    expect(JSON.stringify(harness.model.lastRequest.input)).not.toContain("swordfish");
    const call = harness.model.lastRequest.input.find(({ call_id }) => call_id === "call_outer");
    expect(call?.input).toBe("{}");
  },
);

async function rolloutOf(harness: Harness): Promise<string> {
  const threadId = await readFile(join(harness.workspace, ".plexum-codex-session"), "utf8");
  const found = await findRollout(threadId, { codexHome: harness.home.path });
  return found?.path as string;
}
