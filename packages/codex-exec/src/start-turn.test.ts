import { existsSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Turn, TurnEvent } from "@plexum/codex-turn";
import { testedCodexes } from "@plexum/codex-versions";
import { CodexHome } from "@plexum/real-codex";
import { answer, message, type Script, ScriptedModel, say, shell } from "@plexum/scripted-model";
import { eventually, sleepers, temporaryFolder, uniqueSeconds } from "@plexum/test-support";
import { describe, expect, onTestFinished, test } from "vitest";
import { type StartTurnOptions, startTurn } from "./start-turn.ts";

const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

const texts = (events: TurnEvent[]) =>
  events.flatMap((event) =>
    event.type === "item.completed" && event.item.type === "agent_message" ? [event.item.text] : [],
  );

async function collect(turn: Turn): Promise<TurnEvent[]> {
  const events: TurnEvent[] = [];
  for await (const event of turn.events) events.push(event);
  return events;
}

/**
 * Returns messages that are long enough to fill the pipe; `bytes` is the length of each. Keep `count` low: 0.135.0 drops events
 * of its own when there are more than about 150 at once.
 */
const manyMessages = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, index) => message(`${index} `.padEnd(bytes, "x")));

describe.each(testedCodexes())("a turn of codex $version", (codex) => {
  async function setUp(script: Script = []) {
    const model = await ScriptedModel.start(script);
    const home = await CodexHome.create({ baseUrl: model.baseUrl });
    const folder = await temporaryFolder();
    onTestFinished(async () => {
      await model[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });
    const workspace = join(folder.path, "workspace");
    const { env } = home;
    const start = (options: Partial<StartTurnOptions> = {}) =>
      startTurn({ prompt: "hi", workspace, binary: codex.path, env, ...options });
    return { model, folder: folder.path, workspace, start };
  }

  async function setUpSleeping() {
    const seconds = uniqueSeconds();
    const trial = await setUp([answer([shell(`sleep ${seconds}`)]), say("unused")]);
    const running = () => eventually("the command runs", () => sleepers(seconds).length === 1);
    return { ...trial, seconds, running };
  }

  test("images reach the model, from bytes and from a file whose name has a comma", async () => {
    const { model, folder, start } = await setUp([say("two pixels")]);
    const path = join(folder, "a, b.png");
    await writeFile(path, PIXEL);
    const turn = await start({ images: [{ bytes: PIXEL }, { path }] });
    expect(await turn.result).toMatchObject({ status: "completed", lastMessage: "two pixels" });
    expect(JSON.stringify(model.lastRequest.input).match(/"input_image"/g)).toHaveLength(2);
    expect(model.lastRequest.prompt).toContain("hi");
  });

  test("a turn continues to its end when its reader leaves early", async () => {
    const { start } = await setUp([answer([...manyMessages(100, 10_000), shell("echo done")]), say("last words")]);
    const turn = await start();
    for await (const _ of turn.events) break;
    expect(await turn.result).toMatchObject({ status: "completed", lastMessage: "last words" });
  });

  test("a slow reader loses nothing", async () => {
    const { start } = await setUp([answer(manyMessages(100, 20_000))]);
    const turn = await start();
    const seen: TurnEvent[] = [];
    for await (const event of turn.events) {
      seen.push(event);
      if (seen.length % 20 === 0) await delay(50);
    }
    expect(texts(seen).map((text) => Number.parseInt(text, 10))).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(seen.at(-1)?.type).toBe("turn.completed");
    expect((await turn.result).status).toBe("completed");
  });

  test.each<[name: string, count: number, bytes: number, maxUnreadBytes: number | undefined]>([
    ["codex ran far ahead", 100, 10_000, undefined],
    ["the rest is still in the pipe", 40, 10, 1],
  ])("a reader that starts after codex has exited gets everything: %s", async (_name, count, bytes, maxUnreadBytes) => {
    const { start } = await setUp([answer(manyMessages(count, bytes))]);
    const turn = await start(maxUnreadBytes === undefined ? {} : { maxUnreadBytes });
    expect((await turn.result).status).toBe("completed");
    const seen = await collect(turn);
    expect(texts(seen)).toHaveLength(count);
    expect(seen.at(-1)?.type).toBe("turn.completed");
  });

  test("a turn can be cancelled while codex waits for the reader", async () => {
    const { start } = await setUp([answer([...manyMessages(50, 50_000), shell("echo done")]), say("last words")]);
    const turn = await start({ maxUnreadBytes: 1 });
    // This event is followed by more than the pipe holds, and nobody reads it.
    for await (const event of turn.events) {
      if (texts([event]).length === 0) continue;
      expect((await turn.cancel()).status).toBe("cancelled");
      break;
    }
  });

  test("cancelling again, during and after the end, returns the same result", async () => {
    const { start, seconds, running } = await setUpSleeping();
    const turn = await start();
    await running();
    const [first, second] = await Promise.all([turn.cancel(), turn.cancel()]);
    expect(sleepers(seconds)).toEqual([]);
    expect(first.status).toBe("cancelled");
    expect(second).toBe(first);
    expect(await turn.cancel()).toBe(first);
  });

  test("cancelling a turn that is over does not change its result", async () => {
    const { start } = await setUp([say("done")]);
    const controller = new AbortController();
    const turn = await start({ signal: controller.signal });
    const result = await turn.result;
    controller.abort();
    expect(await turn.cancel()).toBe(result);
    expect(result).toMatchObject({ status: "completed", lastMessage: "done" });
  });

  test("aborted before or during the start: the reason is thrown, and the model gets no request", async () => {
    const { model, start } = await setUp([say("unused")]);
    const reason = new Error("changed my mind");
    await expect(start({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const starting = start({ signal: controller.signal, images: [{ bytes: PIXEL }] });
    controller.abort(reason);
    await expect(starting).rejects.toBe(reason);
    expect(model.requests).toHaveLength(0);
  });

  test("cancelled by its signal as soon as codex runs", async () => {
    const { start } = await setUp([{ kind: "hang" }]);
    const controller = new AbortController();
    const turn = await start({ signal: controller.signal, onSpawn: () => controller.abort() });
    expect((await turn.result).status).toBe("cancelled");
  });

  test("a turn ends at its time limit", async () => {
    const { start } = await setUp([{ kind: "hang" }]);
    const turn = await start({ timeoutMs: 700 });
    expect(await turn.result).toMatchObject({ status: "failed", error: { code: "timed_out" } });
    await expect(start({ timeoutMs: 0 })).rejects.toThrow(RangeError);
    await expect(start({ timeoutMs: Number.NaN })).rejects.toThrow(RangeError);
  });

  test("a long prompt that codex never reads does not hide why it ended", async () => {
    const { start } = await setUp();
    const threadId = "0199a213-81c0-7800-8aa1-bbab2a035a53";
    const refused = await start({ prompt: "x".repeat(1_000_000), extraArgs: ["--nope"] });
    expect(await refused.result).toMatchObject({ status: "failed", error: { code: "config_invalid", exitCode: 2 } });
    const lost = await start({ prompt: "x".repeat(1_000_000), threadId });
    expect(await lost.result).toMatchObject({ status: "failed", error: { code: "thread_not_found" } });
  });

  test("arguments that the system refuses fail as spawn_failed", async () => {
    const { start } = await setUp();
    for (const argument of ["x".repeat(200_000), "a\0b"]) {
      await expect(start({ extraArgs: [argument] })).rejects.toMatchObject({ code: "spawn_failed" });
    }
  });

  test("the turn ends if onSpawn throws", async () => {
    const { start } = await setUp([{ kind: "hang" }]);
    let pid = 0;
    const onSpawn = (spawned: { pid: number }) => {
      pid = spawned.pid;
      throw new Error("no");
    };
    await expect(start({ onSpawn })).rejects.toThrow("no");
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  test("background processes of the model end with the turn", async () => {
    const seconds = uniqueSeconds();
    const { start } = await setUp([answer([shell(`setsid sleep ${seconds} > /dev/null 2>&1 &`)]), say("started")]);
    const turn = await start();
    expect(await turn.result).toMatchObject({ status: "completed", lastMessage: "started" });
    expect(sleepers(seconds)).toEqual([]);
  });

  test("disposing of a turn cancels it", async () => {
    const { start, seconds, running } = await setUpSleeping();
    {
      await using _turn = await start();
      await running();
    }
    expect(sleepers(seconds)).toEqual([]);
  });

  test("leftovers of an earlier turn are ended, also if it reached the workspace through a link", async () => {
    const { start, folder, workspace, seconds, running, model } = await setUpSleeping();
    await mkdir(workspace);
    const link = join(folder, "link");
    await symlink(workspace, link);
    const abandoned = await start({ workspace: link });
    await running();
    model.play([say("now me")]);
    const turn = await start();
    expect(sleepers(seconds)).toEqual([]);
    expect(await turn.result).toMatchObject({ status: "completed", lastMessage: "now me" });
    expect((await abandoned.result).status).toBe("failed");
  });
});
