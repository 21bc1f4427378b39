/**
 * Measures a plugin that keeps codex over many turns. Aims: memory, file descriptors and the time of a turn stay flat; no
 * process outlives its keep-alive, a cancellation or the limit; no turn fails.
 *
 * `node benchmarks/kept-process.ts [turns] [expiries] [cancellations] [turns on ten workspaces at once] [kills]`
 */
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ConnectedPlugin, connectPlugin } from "@plexum/plugin-sdk";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, ScriptedModel, say, shell } from "@plexum/scripted-model";
import { configurePlugin } from "./support/built-plugin.ts";
import { median, milliseconds } from "./support/figures.ts";

const [TURNS = 500, EXPIRIES = 300, CANCELLATIONS = 200, AT_ONCE = 100, KILLS = 50] = process.argv.slice(2).map(Number);

/** After this many turns the workspace starts a new thread: turns of a long thread take longer in any case. */
const THREAD_TURNS = 50;

/** The number of turns that measure a turn on a new codex. */
const FRESH_TURNS = 10;

const MAX_KEPT = 3;

/** Distinguishes what this program's commands start from all other processes. */
const SECONDS = 2_000_000 + (process.pid % 100_000) * 1000;

const read = (path: string) => {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
};

/** Returns private memory in MB, which is what a process costs: all processes share the program's pages. */
const memoryOf = (pid: number) =>
  ["Private_Dirty", "Private_Clean"]
    .map((key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0))
    .reduce((a, b) => a + b) / 1024;

const descriptorsOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

const childrenOf = (pid: number) => read(`/proc/${pid}/task/${pid}/children`).trim().split(" ").map(Number);

const appServersOf = (pid: number) =>
  childrenOf(pid).filter((child) => read(`/proc/${child}/cmdline`).includes("app-server"));

const runs = (command: string) =>
  readdirSync("/proc").some((pid) => read(`/proc/${pid}/cmdline`) === `${command.replaceAll(" ", "\0")}\0`);

/** Returns the processes that a plugin started and that still have its environment. */
const processesUnder = (folder: string) =>
  readdirSync("/proc").filter((pid) => read(`/proc/${pid}/environ`).includes(`PLEXUM_PROFILE_ROOT=${folder}\0`));

interface Bench extends AsyncDisposable {
  readonly plugin: ConnectedPlugin;
  readonly pid: number;
  readonly model: ScriptedModel;
  readonly folder: string;
  /** Runs a turn and returns what the model said in it. */
  turn(workspace: string, prompt: string, signal?: AbortSignal): Promise<{ text: string; stop: string }>;
}

async function setUp(config: object, script: Script): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const model = stack.use(await ScriptedModel.start(script));
  const home = stack.use(await CodexHome.create({ baseUrl: model.baseUrl }));
  const folder = await mkdtemp(join(tmpdir(), "kept-process-"));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const plugin = await connectPlugin(await configurePlugin(folder, home.env, { transport: "app-server", ...config }));
  stack.defer(() => plugin.close().then(() => {}));
  let streams = 0;
  const held = stack.move();
  return {
    plugin,
    pid: plugin.pid as number,
    model,
    folder,
    async turn(workspace, prompt, signal) {
      model.requests.length = 0;
      const agent = { agent_id: workspace, workspace: join(folder, workspace) };
      const messages = [{ role: "user" as const, content: [{ type: "text" as const, text: prompt }] }];
      const request = { stream_id: `${streams++}`, model_id: "", agent, request: { messages } };
      let text = "";
      let stop = "";
      for await (const event of plugin.stream(request, signal === undefined ? {} : { signal })) {
        if (event.type === "error") throw new Error(event.error.message);
        if (event.type === "text_delta") text += event.text;
        if (event.type === "message_end") stop = event.stop_reason;
      }
      return { text, stop };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

type Script = Exclude<Parameters<typeof ScriptedModel.start>[0], undefined>;

const oneCommand: Script = (request) => (request.continuesTurn ? say("done") : answer([shell("echo hi")]));

async function onFreshCodex(): Promise<number> {
  await using bench = await setUp({}, oneCommand);
  const took: number[] = [];
  for (let turn = 0; turn < FRESH_TURNS; turn++) {
    const start = performance.now();
    await bench.turn("fresh", "go");
    took.push(performance.now() - start);
  }
  return median(took.slice(2));
}

if (TURNS > 0) {
  await using bench = await setUp({}, oneCommand);
  console.log(`${TURNS} turns of one command each on one kept codex ${newestCodex.version}`);
  const rows: Record<string, object> = {};
  const pids = new Set<number>();
  let took: number[] = [];
  for (let turn = 1; turn <= TURNS; turn++) {
    const start = performance.now();
    const { text } = await bench.turn("one", "go");
    if (text !== "done") throw new Error(`turn ${turn} said ${text}`);
    took.push(performance.now() - start);
    const [codex] = appServersOf(bench.pid) as [number];
    pids.add(codex);
    if (turn % THREAD_TURNS !== 0 && turn !== 1 && turn !== TURNS) continue;
    await rm(join(bench.folder, "one", ".plexum-codex-session"), { force: true });
    rows[`after ${turn}`] = {
      "a turn, median": milliseconds(median(took)),
      // The machine may be busier now than at the beginning.
      "on a fresh codex": milliseconds(await onFreshCodex()),
      "codex, private": `${memoryOf(codex).toFixed(0)} MB`,
      "codex, descriptors": descriptorsOf(codex),
      "plugin, private": `${memoryOf(bench.pid).toFixed(0)} MB`,
      "plugin, descriptors": descriptorsOf(bench.pid),
      "codexes so far": pids.size,
    };
    took = [];
  }
  console.table(rows);
}

if (EXPIRIES > 0) {
  await using bench = await setUp({ keep_alive_ms: 200 }, () => say("done"));
  console.log(`${EXPIRIES} turns on codexes that are kept for 200 ms`);
  const pids = new Set<number>();
  const took: number[] = [];
  let descriptors = 0;
  for (let turn = 1; turn <= EXPIRIES; turn++) {
    const { text } = await bench.turn("expiring", "go");
    if (text !== "done") throw new Error(`turn ${turn} said ${text}`);
    const start = performance.now();
    for (const pid of appServersOf(bench.pid)) pids.add(pid);
    while (appServersOf(bench.pid).length > 0) {
      if (performance.now() - start > 10_000) throw new Error("a codex outlived its keep-alive");
      await delay(5);
    }
    took.push(performance.now() - start);
    if (turn === 10) descriptors = descriptorsOf(bench.pid);
  }
  console.table({
    expiries: {
      codexes: pids.size,
      "ended after, median": milliseconds(median(took)),
      "ended after, at most": milliseconds(Math.max(...took)),
      "descriptors of the plugin after 10": descriptors,
      "in the end": descriptorsOf(bench.pid),
    },
  });
}

if (CANCELLATIONS > 0) {
  const random = randomFrom(20_260_101);
  const log = join(await mkdtemp(join(tmpdir(), "kept-process-log-")), "commands");
  const rows: Record<string, object> = {};
  for (const transport of ["app-server", "exec"]) {
    let command = "";
    await using bench = await setUp({ transport }, (request) =>
      request.prompt === "and now?" ? say("here") : answer([shell(command)], undefined, 20),
    );
    const late: number[] = [];
    const ends: number[] = [];
    const stops: Record<string, number> = {};
    let left = 0;
    let commands = 0;
    await bench.turn("cancelled", "and now?");
    for (let i = 0; i < CANCELLATIONS; i++) {
      await writeFile(log, "");
      const sleep = `sleep ${SECONDS + i}`;
      command = `date +%s%N >> ${log}; setsid ${sleep} >/dev/null 2>&1 & env -i ${sleep} >/dev/null 2>&1 &`;
      const cancel = new AbortController();
      const ending = bench.turn("cancelled", `task ${i}`, cancel.signal).then(
        ({ stop }) => stop,
        () => "not started",
      );
      await delay(random() * 700);
      const at = Date.now();
      cancel.abort();
      const stop = await ending;
      ends.push(Date.now() - at);
      stops[stop] = (stops[stop] ?? 0) + 1;
      await delay(Math.max(0, at + 400 - Date.now()));
      const started = read(log).trim().split("\n").filter(Boolean).map(Number);
      commands += started.length;
      for (const nanoseconds of started) if (nanoseconds / 1e6 - at > 0) late.push(nanoseconds / 1e6 - at);
      if (runs(sleep)) left++;
      const { text, stop: next } = await bench.turn("cancelled", "and now?");
      if (text !== "here" || next !== "end_turn") throw new Error(`the turn after cancellation ${i} said ${text}`);
    }
    rows[transport] = {
      cancellations: CANCELLATIONS,
      "ended as": JSON.stringify(stops),
      "end after, median": milliseconds(median(ends)),
      "at most": milliseconds(Math.max(...ends)),
      "commands run": commands,
      "started after the cancellation": late.length,
      "the latest": milliseconds(Math.max(0, ...late)),
      "with processes left": left,
    };
  }
  console.table(rows);
  await rm(dirname(log), { recursive: true });
}

if (AT_ONCE > 0) {
  await using bench = await setUp({ max_kept: MAX_KEPT }, (request) =>
    request.continuesTurn ? say(`to ${request.prompt}`) : answer([shell(`echo ${request.prompt}`)]),
  );
  const workspaces = Array.from({ length: 10 }, (_, n) => `w${n}`);
  let running = 0;
  let most = 0;
  let foreign = 0;
  const watch = setInterval(() => {
    most = Math.max(most, appServersOf(bench.pid).length - running);
  }, 5);
  const start = performance.now();
  const run = async (workspace: string) => {
    for (let turn = 0; turn < AT_ONCE / workspaces.length; turn++) {
      running++;
      const prompt = `${workspace}-${turn}`;
      if ((await bench.turn(workspace, prompt)).text !== `to ${prompt}`) foreign++;
      running--;
    }
  };
  await Promise.all(workspaces.map(run));
  clearInterval(watch);
  console.table({
    [`${AT_ONCE} turns, ${workspaces.length} workspaces at once`]: {
      took: milliseconds(performance.now() - start),
      "turns with a wrong text": foreign,
      "codexes beyond the running turns, at most": most,
      max_kept: MAX_KEPT,
      "kept in the end": appServersOf(bench.pid).length,
    },
  });
}

if (KILLS > 0) {
  const random = randomFrom(20_260_102);
  const took: Record<string, number[]> = { idle: [], "in its first turn": [], "in its second turn": [] };
  for (let i = 0; i < KILLS; i++) {
    const kind = Object.keys(took)[i % 3] as string;
    const command = `setsid sleep ${SECONDS} & env -i sleep ${SECONDS} & sleep ${SECONDS}`;
    await using bench = await setUp({}, ({ prompt }) => (prompt === "first" ? say("done") : answer([shell(command)])));
    if (kind !== "in its first turn") await bench.turn("killed", "first");
    const ending = kind === "idle" ? undefined : bench.turn("killed", "second").catch(() => {});
    await delay(random() * 600);
    process.kill(bench.pid, "SIGKILL");
    const start = performance.now();
    while (processesUnder(bench.folder).length > 0 || runs(`sleep ${SECONDS}`)) {
      if (performance.now() - start > 10_000) throw new Error(`something outlived a plugin that was killed ${kind}`);
      await delay(10);
    }
    took[kind]?.push(performance.now() - start);
    await ending;
  }
  const row = (times: number[]) => ({
    kills: times.length,
    "nothing left after, median": milliseconds(median(times)),
    "at most": milliseconds(Math.max(0, ...times)),
    aim: "≤ 3000 ms",
  });
  console.table(Object.fromEntries(Object.entries(took).map(([kind, times]) => [`killed ${kind}`, row(times)])));
}

/** Returns a generator of numbers from 0 to 1, the same ones for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
