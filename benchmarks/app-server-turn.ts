/**
 * Compares a resumed turn through the warm plugin with the same turn on a bare kept app-server and with a bare `codex exec`, in
 * one run. Aims: at most 10 ms more than the bare app-server; at most 0.40 × `codex exec` without tools and 0.50 × with them;
 * the first text at most 10 ms after the model's first byte; the first turn of a cold plugin not slower than `codex exec`.
 *
 * `node benchmarks/app-server-turn.ts [rounds]`
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ConnectedPlugin, connectPlugin } from "@plexum/plugin-sdk";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, ScriptedModel, streamedMessage } from "@plexum/scripted-model";
import { BareAppServer } from "./support/bare-app-server.ts";
import { configurePlugin } from "./support/built-plugin.ts";
import { median, milliseconds } from "./support/figures.ts";

const ROUNDS = Number(process.argv[2] ?? 20);
const PROMPT = "Say hello.";
const TOOLS = [{ name: "lookup", description: "Looks something up.", input_schema: { type: "object" } }];

const folder = await mkdtemp(join(tmpdir(), "app-server-turn-"));
let firstByteAt = 0;
await using model = await ScriptedModel.start(() =>
  answer([
    streamedMessage(["hel", "lo"], {
      onPiece: (index) => {
        if (index === 0) firstByteAt = performance.now();
      },
    }),
  ]),
);
await using home = await CodexHome.create({ baseUrl: model.baseUrl, model: "gpt-5.5" });
const program = await configurePlugin(folder, home.env, { max_kept: 8 });
const startPlugin = () => connectPlugin({ ...program, callTool: async () => ({ content: [] }) });

let streams = 0;
const textLags: number[] = [];
async function throughPlugin(plugin: ConnectedPlugin, workspace: string, tools: typeof TOOLS): Promise<number> {
  const agent = { agent_id: "benchmark", workspace: join(folder, workspace) };
  const messages = [{ role: "user" as const, content: [{ type: "text" as const, text: PROMPT }] }];
  const request = { stream_id: `${streams++}`, model_id: "", agent, request: { messages, tools } };
  let hasText = false;
  const start = performance.now();
  for await (const event of plugin.stream(request)) {
    if (event.type === "error") throw new Error(event.error.message);
    if (event.type === "text_delta" && !hasText) {
      textLags.push(performance.now() - firstByteAt);
      hasText = true;
    }
  }
  return performance.now() - start;
}

let execThread: string | undefined;
async function exec(): Promise<number> {
  const cwd = join(folder, "exec");
  await mkdir(cwd, { recursive: true });
  const flags = ["exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"];
  const args = [...flags, ...(execThread === undefined ? [] : ["resume", execThread]), "-"];
  const start = performance.now();
  const codex = spawn(newestCodex.path, args, { cwd, env: home.env, stdio: ["pipe", "pipe", "ignore"] });
  let output = "";
  codex.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
  });
  codex.stdin.end(PROMPT);
  const [exitCode] = await once(codex, "exit");
  const took = performance.now() - start;
  if (exitCode !== 0) throw new Error(`codex ended with ${exitCode}`);
  execThread ??= /"thread_id":"([^"]+)"/.exec(output)?.[1];
  return took;
}

/** Returns private memory in kB, which is what a process costs: all processes share the program's pages. */
const memoryOf = (pid: number) =>
  ["Private_Dirty", "Private_Clean"]
    .map((key) =>
      Number(new RegExp(`${key}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0),
    )
    .reduce((a, b) => a + b);

async function appServersOf(pid: number): Promise<number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ").map(Number);
  return children.filter((child) => readFileSync(`/proc/${child}/cmdline`, "utf8").includes("app-server"));
}

const ticksOf = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
};

console.log(`a resumed turn on codex ${newestCodex.version}, median of ${ROUNDS} rounds`);
const plugin = await startPlugin();
await mkdir(join(folder, "bare"));
const bare = await BareAppServer.start(newestCodex.path, join(folder, "bare"), home.env);
const runs = {
  exec: () => exec(),
  bare: () => bare.turn(PROMPT),
  plugin: () => throughPlugin(plugin, "plain", []),
  tools: () => throughPlugin(plugin, "tools", TOOLS),
};
type Name = keyof typeof runs;
const names = Object.keys(runs) as Name[];
for (const name of names) for (let warm = 0; warm < 2; warm++) await runs[name]();
textLags.length = 0;
const rounds: Record<Name, number>[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const figures: Partial<Record<Name, number>> = {};
  // The order changes, so that no contender always benefits from caches that another has filled.
  for (let step = 0; step < names.length; step++) {
    const name = names[(step + round) % names.length] as Name;
    figures[name] = await runs[name]();
  }
  rounds.push(figures as Record<Name, number>);
}
const of = (name: Name) => median(rounds.map((round) => round[name]));
const ratio = (name: Name) => median(rounds.map((round) => round[name] / round.exec)).toFixed(2);
const more = median(rounds.map((round) => round.plugin - round.bare));
console.table({
  "codex exec alone (rival)": { median: milliseconds(of("exec")), "× exec": "1", aim: "" },
  "bare kept app-server (limit)": { median: milliseconds(of("bare")), "× exec": ratio("bare"), aim: "" },
  "the plugin": { median: milliseconds(of("plugin")), "× exec": ratio("plugin"), aim: "≤ 0.40 ×" },
  "the plugin, with tools": { median: milliseconds(of("tools")), "× exec": ratio("tools"), aim: "≤ 0.50 ×" },
  "the plugin's share": { median: milliseconds(more), "× exec": "", aim: "≤ 10 ms" },
  "first text after the model's first byte": { median: milliseconds(median(textLags)), "× exec": "", aim: "≤ 10 ms" },
});
await bare.close();

const cold: { plugin: number; exec: number }[] = [];
for (let round = 0; round < Math.min(ROUNDS, 10); round++) {
  execThread = undefined;
  const fresh = await startPlugin();
  const run = () => throughPlugin(fresh, `cold-${round}`, []);
  if (round % 2 === 0) cold.push({ exec: await exec(), plugin: await run() });
  else {
    const took = await run();
    cold.push({ plugin: took, exec: await exec() });
  }
  await fresh.close();
}
console.table({
  "first turn of a cold plugin": {
    median: milliseconds(median(cold.map((pair) => pair.plugin))),
    "× exec": median(cold.map((pair) => pair.plugin / pair.exec)).toFixed(2),
    aim: "≤ 1.00 ×",
  },
  "codex exec, a new thread": { median: milliseconds(median(cold.map((pair) => pair.exec))), "× exec": "1", aim: "" },
});

const kept: Record<string, object> = {};
for (const count of [1, 8]) {
  const holder = await startPlugin();
  for (let agent = 0; agent < count; agent++) await throughPlugin(holder, `kept-${count}-${agent}`, []);
  const servers = await appServersOf(holder.pid as number);
  const before = servers.map(ticksOf);
  await delay(5000);
  const ticks = servers.map((pid, index) => ticksOf(pid) - (before[index] ?? 0)).reduce((a, b) => a + b, 0);
  const megabytes = servers.map(memoryOf).reduce((a, b) => a + b, 0) / 1024;
  kept[`${servers.length} kept`] = {
    "private memory": `${megabytes.toFixed(0)} MB`,
    "of the plugin": `${(memoryOf(holder.pid as number) / 1024).toFixed(0)} MB`,
    "CPU while idle": `${(ticks * 2).toFixed(1)} ms/s`,
  };
  await holder.close();
}
console.table(kept);
await plugin.close();

await rm(folder, { recursive: true, force: true });
