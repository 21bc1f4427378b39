import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { testedCodexes } from "@plexum/codex-versions";
import type { ConnectedPlugin, ProviderEvent } from "@plexum/plugin-sdk";
import { newestCodex } from "@plexum/real-codex";
import { findRollout } from "@plexum/rollout";
import { answer, say, shell } from "@plexum/scripted-model";
import { lockThread } from "@plexum/session-store";
import { isAlive } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { byEachTransport, eventually, Harness, turn } from "./harness.ts";

/**
 * Returns a command that does not end by itself: a process in the foreground, one in the background in its own session, and one with an
 * empty environment. `seconds` distinguishes this test's processes from all others.
 */
const stubborn = (seconds: number) =>
  `setsid sleep ${seconds} & env -i sleep ${seconds} & trap '' TERM; sleep ${seconds}`;

let nextSeconds = 100_000 + (process.pid % 1000) * 100;

function sleepers(seconds: number): number[] {
  try {
    // Not with a shell, whose own command line would be found too.
    return execFileSync("pgrep", ["-f", `sleep ${seconds}`], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number);
  } catch {
    return [];
  }
}

describe.each(byEachTransport(testedCodexes()))("the end of a turn on codex $version by $transport", (codex) => {
  async function running(config: Record<string, unknown> = {}) {
    const seconds = nextSeconds++;
    const harness = await Harness.create({
      codex,
      config,
      script: [answer([shell(stubborn(seconds))]), say("unused")],
    });
    return { harness, seconds };
  }

  const commandsRun = (seconds: number) => eventually("the model's commands run", () => sleepers(seconds).length >= 3);

  async function nextTurnWorks(harness: Harness, plugin = harness.plugin()): Promise<void> {
    harness.model.play([say("still here")]);
    expect(await turn(await plugin, harness.request("and now?"))).toMatchObject({
      text: "still here",
      end: { stop_reason: "end_turn" },
    });
    expect(harness.model.lastRequest.userTexts).toContain("start");
  }

  test("by the host's cancellation leaves no process", async () => {
    const { harness, seconds } = await running();
    await using _ = harness;
    const plugin = await harness.plugin();
    const cancel = new AbortController();
    const ending = turn(plugin, harness.request("start"), { signal: cancel.signal });
    await commandsRun(seconds);
    cancel.abort();
    await eventually("nothing is left", () => sleepers(seconds).length === 0, 2000);
    const { end, error } = await ending;
    expect(end.stop_reason).toBe("cancelled");
    expect(error).toBeUndefined();
    await nextTurnWorks(harness, Promise.resolve(plugin));
  });

  test("by its time limit leaves no process", async () => {
    const { harness, seconds } = await running({ timeout_ms: 2500 });
    await using _ = harness;
    const plugin = await harness.plugin();
    const { end, error } = await turn(plugin, harness.request("start"));
    expect(sleepers(seconds)).toEqual([]);
    expect(end.stop_reason).toBe("error");
    expect(error).toMatchObject({ code: "timed_out", message: expect.stringContaining("2500 ms") });
    await nextTurnWorks(harness, Promise.resolve(plugin));
  });

  test("because codex was killed leaves no process", async () => {
    const { harness, seconds } = await running();
    await using _ = harness;
    const plugin = await harness.plugin();
    const ending = turn(plugin, harness.request("start"));
    await commandsRun(seconds);
    // Only codex links a process that cleared its environment to the turn, so the plugin must see the process while codex runs.
    await new Promise((resolve) => setTimeout(resolve, 500));
    process.kill(harness.logs.find(({ message }) => message === "codex started")?.fields.pid as number, "SIGKILL");
    const { end, error } = await ending;
    expect(sleepers(seconds)).toEqual([]);
    expect(end.stop_reason).toBe("error");
    expect(error?.code).toBe("crashed");
    await nextTurnWorks(harness, Promise.resolve(plugin));
  });

  test("by SIGTERM to the plugin leaves no process", async () => {
    const { harness, seconds } = await running();
    await using _ = harness;
    const plugin = await harness.plugin();
    const ending = turn(plugin, harness.request("start"));
    await commandsRun(seconds);
    process.kill(plugin.pid as number, "SIGTERM");
    await eventually("nothing is left", () => sleepers(seconds).length === 0, 2000);
    expect((await ending).end.stop_reason).toBe("cancelled");
    expect(await plugin.closed).toEqual({ exitCode: 0, signal: null });
    await nextTurnWorks(harness);
  });

  test("if the plugin is killed, its watchdog ends the leftovers, and the next plugin takes over", async () => {
    const { harness, seconds } = await running();
    await using _ = harness;
    const plugin = await harness.plugin();
    const ending = turn(plugin, harness.request("start")).catch((error: unknown) => error);
    await commandsRun(seconds);
    process.kill(plugin.pid as number, "SIGKILL");
    await eventually("nothing is left", () => sleepers(seconds).length === 0, 3000);
    expect(await ending).toMatchObject({ code: "closed" });
    await nextTurnWorks(harness);
  });

  test("if the plugin is killed, the next one does not wait for the watchdog", async () => {
    const { harness, seconds } = await running();
    await using _ = harness;
    const plugin = await harness.plugin();
    const ending = turn(plugin, harness.request("start")).catch((error: unknown) => error);
    await commandsRun(seconds);
    process.kill(plugin.pid as number, "SIGKILL");
    await nextTurnWorks(harness);
    expect(sleepers(seconds)).toEqual([]);
    await ending;
  });

  test("a second turn on the workspace is refused, by this plugin and by another one, and the first is not affected", async () => {
    await using harness = await Harness.create({ codex, script: [answer([shell("sleep 5")]), say("done")] });
    const [plugin, other] = [await harness.plugin(), await harness.plugin()];
    const first = turn(plugin, harness.request("start"));
    await eventually("the first has started", () => harness.model.requests.length > 0);
    const refused = [plugin, other].map((second) =>
      expect(turn(second, harness.request("me too"))).rejects.toMatchObject({ data: { code: "busy" } }),
    );
    await Promise.all(refused);
    expect(await first).toMatchObject({ text: "done", end: { stop_reason: "end_turn" } });
    expect(harness.model.requests).toHaveLength(2);
    harness.model.play([say("now you")]);
    expect((await turn(other, harness.request("me too"))).text).toBe("now you");
  });

  test("a turn that is canceled while it waits for its thread ends at once", async () => {
    await using harness = await Harness.create({ codex, script: [say("noted"), say("here")] });
    const plugin = await harness.plugin();
    await turn(plugin, harness.request("start"));
    const lock = await lockThread(harness.home.path, await threadOf(harness));
    const cancel = new AbortController();
    const ending = turn(plugin, harness.request("wait"), { signal: cancel.signal });
    await Promise.race([ending, new Promise((resolve) => setTimeout(resolve, 300))]);
    const cancelledAt = performance.now();
    cancel.abort(new Error("changed my mind"));
    await expect(ending).rejects.toMatchObject({ rpcCode: -32000, message: "changed my mind", data: {} });
    expect(performance.now() - cancelledAt).toBeLessThan(2000);
    await lock[Symbol.asyncDispose]();
    expect((await turn(plugin, harness.request("and now?"))).text).toBe("here");
  });

  test("if the rollout is moved away, the turn continues to its end", async () => {
    await using harness = await Harness.create({
      codex,
      script: [answer([shell("echo a", { callId: "call_a" })]), say("done")],
    });
    const plugin = await harness.plugin();
    const seen = await withoutRollout(harness, plugin, () => {});
    expect(seen.text).toBe("done");
    expect(seen).toMatchObject({ error: undefined, end: { stop_reason: "end_turn" } });
    await plugin.close();
    expect(await plugin.closed).toEqual({ exitCode: 0, signal: null });
  });

  test("if the rollout is moved away and the host cancels, the turn is canceled and does not fail", async () => {
    await using harness = await Harness.create({
      codex,
      script: [answer([shell("echo a", { callId: "call_a" })]), { kind: "hang" }],
    });
    const cancel = new AbortController();
    const seen = await withoutRollout(harness, await harness.plugin(), () => cancel.abort(), cancel.signal);
    expect(seen).toMatchObject({ error: undefined, end: { stop_reason: "cancelled" } });
  });
});

const threadOf = (harness: Harness) => readFile(join(harness.workspace, ".plexum-codex-session"), "utf8");

/** Runs a turn whose rollout is moved away as soon as its first call is emitted. */
async function withoutRollout(harness: Harness, plugin: ConnectedPlugin, then: () => void, signal?: AbortSignal) {
  const onEvent = async ({ type }: ProviderEvent) => {
    if (type !== "tool_call_start") return;
    const rollout = await findRollout(await threadOf(harness), { codexHome: harness.home.path });
    await rename(rollout?.path as string, join(harness.folder, "moved.jsonl"));
    then();
  };
  return await turn(plugin, harness.request("look"), { onEvent, ...(signal === undefined ? {} : { signal }) });
}

test.each(byEachTransport([newestCodex]))("a plugin that ends leaves no process, by $transport", async (codex) => {
  await using harness = await Harness.create({ codex, script: [say("hi")] });
  const plugin = await harness.plugin();
  await turn(plugin, harness.request("hi"));
  // The guard, and the kept app-server.
  const left = descendantsOf(plugin.pid as number);
  expect(left).toHaveLength(codex.transport === "exec" ? 1 : 2);
  await plugin.close();
  await eventually("they are gone", () => !left.some(isAlive), 2000);
});

test("stdout has only lines of the protocol, whatever codex prints", async () => {
  await using harness = await Harness.create({
    codex: newestCodex,
    script: [answer([shell("echo noise; echo noise >&2")]), say("hi")],
  });
  const { PLUGIN } = await import("./harness.ts");
  const plugin = spawn(process.execPath, [PLUGIN], { env: harness.env, stdio: ["pipe", "pipe", "ignore"] });
  const lines: string[] = [];
  let rest = "";
  plugin.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  });
  const send = (message: object) => plugin.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  send({
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } },
  });
  send({ method: "notifications/initialized" });
  send({ id: 2, method: "plexum/provider/stream", params: harness.request("hi") });
  await eventually("the turn is over", () => lines.some((line) => JSON.parse(line).id === 2));
  plugin.stdin.end();
  const [exitCode] = await once(plugin, "exit");
  expect(exitCode).toBe(0);
  expect(rest).toBe("");
  expect(lines.map((line) => JSON.parse(line)).every(({ jsonrpc }) => jsonrpc === "2.0")).toBe(true);
});

function descendantsOf(pid: number): number[] {
  return execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}
