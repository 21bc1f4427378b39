import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { testedCodexes } from "@plexum/codex-versions";
import type { ConnectedPlugin, ProviderEvent } from "@plexum/plugin-sdk";
import { answer, say, shell } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { byEachTransport, eventually, Harness, turn } from "./harness.ts";
import { processesOf } from "./processes.ts";
import { randomFrom } from "./random.ts";

/** The latest time at which a command of the model may start after the cancellation, in milliseconds. */
const STOPPED_MS = 100;

const NEXT = "and now?";

/** The plugin's log line for a turn that did not have to wait for a process. */
const KEPT = "turn on a kept codex";

/** Distinguishes the commands of this test from those of all others. */
let nextSeconds = 3_000_000 + (process.pid % 100_000) * 100;
const sleepers = (seconds: number) => processesOf(`sleep\0${seconds}\0`);

interface Cancelled {
  readonly events: readonly ProviderEvent[];
  /** When each command of the model started, in milliseconds after the cancellation. */
  readonly commands: readonly number[];
}

describe.each(byEachTransport(testedCodexes()))("cancellations on codex $version by $transport", (codex) => {
  /** A model that runs one command after another, until it is asked for the next turn. */
  async function setUp() {
    await using stack = new AsyncDisposableStack();
    const seconds = nextSeconds++;
    const harness = stack.use(await Harness.create({ codex }));
    const log = join(harness.folder, "commands");
    let calls = 0;
    harness.model.play((request) =>
      request.prompt === NEXT
        ? say("here")
        : answer([
            shell(`date +%s%N >> ${log}; setsid sleep ${seconds} & env -i sleep ${seconds} &`, {
              callId: `call_${calls++}`,
            }),
          ]),
    );
    const plugin = await harness.plugin();
    const held = stack.move();
    return { harness, plugin, log, seconds, [Symbol.asyncDispose]: () => held.disposeAsync() };
  }

  type SetUp = Awaited<ReturnType<typeof setUp>>;

  /** Runs a turn, and cancels it when `until` resolves. */
  async function cancelled(
    { harness, plugin, log, seconds }: SetUp,
    prompt: string,
    until: () => Promise<unknown>,
  ): Promise<Cancelled> {
    await writeFile(log, "");
    const cancel = new AbortController();
    const events: ProviderEvent[] = [];
    const ending = turn(plugin, harness.request(prompt), {
      signal: cancel.signal,
      onEvent: (event) => events.push(event),
    }).then(
      ({ end, error }) => ({ stop: end.stop_reason, error }),
      // A turn that has not started has no end: the request fails with the signal's reason.
      (error: { rpcCode?: number; message: string }) => ({ stop: error.message, error: undefined }),
    );
    await until();
    const at = Date.now();
    cancel.abort(new Error("cancelled"));
    await eventually("nothing of the turn is alive", () => sleepers(seconds).length === 0, 2000);
    expect(await ending).toEqual({ stop: "cancelled", error: undefined });
    expect(sleepers(seconds)).toEqual([]);
    // If the interrupt were lost, more commands would run in this time.
    await delay(Math.max(0, at + 500 - Date.now()));
    const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
    return { events, commands: lines.map((line) => Number(line) / 1e6 - at) };
  }

  /** Checks that the next turn completes and that the model sees the outcome of the calls. */
  async function goesOn(harness: Harness, plugin: ConnectedPlugin, events: readonly ProviderEvent[]): Promise<void> {
    harness.logs.length = 0;
    expect(await turn(plugin, harness.request(NEXT))).toMatchObject({
      text: "here",
      error: undefined,
      end: { stop_reason: "end_turn" },
    });
    const { lastRequest } = harness.model;
    const calls = events.flatMap((event) => (event.type === "tool_call_start" ? [event.tool_call.id] : []));
    for (const id of calls) expect(lastRequest.outputsOf(id)).toHaveLength(1);
    if (calls.length === 0) return;
    expect(JSON.stringify(lastRequest.input)).toContain("turn_aborted");
    // The process was in a known state, so it was kept. Before 0.154 it is the one that was started in advance.
    if (codex.transport === "app-server") expect(harness.logs.map(({ message }) => message)).toContain(KEPT);
  }

  test("at random moments leave no process, the next turn completes, and the model sees what happened", async () => {
    await using all = await setUp();
    const random = randomFrom(20_260_211);
    const commandRuns = () => eventually("a command runs", () => sleepers(all.seconds).length > 0);
    for (const before of [delay, commandRuns, delay, commandRuns]) {
      const { events, commands } = await cancelled(all, "work", async () => {
        await before(random() * 500);
        await delay(random() * 200);
      });
      expect(commands.filter((startedMs) => startedMs > STOPPED_MS)).toEqual([]);
      if (before === commandRuns) expect(events.map(({ type }) => type)).toContain("tool_call_start");
      await goesOn(all.harness, all.plugin, events);
    }
  });

  test("shortly before the turn starts prevent all of its commands", async () => {
    await using all = await setUp();
    const { harness, plugin } = all;
    const waits = await timeToTheModel(harness, plugin);
    for (const share of [0.6, 0.75, 0.85, 0.95, 1.05]) {
      const { events, commands } = await cancelled(all, `at ${share}`, () => delay(waits * share));
      expect(commands.filter((startedMs) => startedMs > STOPPED_MS)).toEqual([]);
      await goesOn(harness, plugin, events);
    }
  });

  /** How long after the request for a turn the model gets its request, in milliseconds. The turn starts shortly before that. */
  async function timeToTheModel(harness: Harness, plugin: ConnectedPlugin): Promise<number> {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const asked = harness.model.requests.length;
      const start = performance.now();
      const ending = turn(plugin, harness.request(NEXT));
      while (harness.model.requests.length === asked) await delay(1);
      times.push(performance.now() - start);
      await ending;
    }
    return Math.min(...times.slice(1));
  }
});
