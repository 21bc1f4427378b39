/**
 * Runs many agents on one plugin at once, each with a host tool, and compares them with one agent, on both transports. Aims: no event
 * in another agent's stream; the event loop at most 50 ms later (p99) than that of an idle process; descriptors and memory in
 * proportion to the running turns. Exits with 1 if an event appeared in another stream or a turn failed.
 *
 * `node benchmarks/agents-at-once.ts [agents] [turns]`
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { newestCodex } from "@plexum/real-codex";
import { median } from "./support/figures.ts";
import { codexesOf, descriptorsOf, privateMemory, startProbedPlugin, TRANSPORTS } from "./support/probed-plugin.ts";

const [AGENTS = 50, TURNS = 10] = process.argv.slice(2).map(Number);

interface Figures {
  readonly agents: number;
  readonly turn: number;
  readonly delayP99: number;
  readonly delayMax: number;
  readonly idleP99: number;
  /** The plugin's memory, in MB, above that before the first turn. */
  readonly memoryMost: number;
  readonly memoryAfter: number;
  readonly descriptorsMost: number;
  readonly descriptorsBefore: number;
  readonly descriptorsAfter: number;
  readonly kept: number;
  readonly codexMemory: number;
}

console.log(`codex ${newestCodex.version}, ${TURNS} turns per agent, each with a call of a host tool`);
const astray: string[] = [];
for (const transport of TRANSPORTS) {
  const one = await run(transport, 1);
  const many = await run(transport, AGENTS);
  const row = (name: string, value: (figures: Figures) => number, unit: string, aim = "") => {
    const [a, b] = [value(one), value(many)];
    return [
      name,
      {
        "1 agent": `${a.toFixed(1)} ${unit}`,
        [`${AGENTS} agents`]: `${b.toFixed(1)} ${unit}`,
        ratio: a === 0 ? "" : (b / a).toFixed(1),
        aim,
      },
    ];
  };
  console.log(transport);
  console.table(
    Object.fromEntries([
      row("a turn, median", ({ turn }) => turn, "ms"),
      row("event loop late, p99", ({ delayP99 }) => delayP99, "ms", "≤ 50 ms"),
      row("event loop late, at most", ({ delayMax }) => delayMax, "ms"),
      row("an idle process late, p99", ({ idleP99 }) => idleP99, "ms"),
      row("memory per running turn", (all) => all.memoryMost / all.agents, "MB"),
      row("memory per kept thread", (all) => all.memoryAfter / all.agents, "MB"),
      row("codexes kept", ({ kept }) => kept, ""),
      row("a kept codex, private", ({ codexMemory }) => codexMemory, "MB"),
      row("descriptors before", ({ descriptorsBefore }) => descriptorsBefore, ""),
      row("descriptors, most", ({ descriptorsMost }) => descriptorsMost, ""),
      row("descriptors after", ({ descriptorsAfter }) => descriptorsAfter, ""),
    ]),
  );
}
console.log(
  astray.length === 0 ? "no event went astray" : `${astray.length} faults:\n${astray.slice(0, 20).join("\n")}`,
);
process.exitCode = astray.length === 0 ? 0 : 1;

async function run(transport: (typeof TRANSPORTS)[number], agents: number): Promise<Figures> {
  await using bench = await startProbedPlugin({ config: { transport, max_kept: agents + 1 } });
  // Loading code for the first turn takes time once, and is measured elsewhere.
  await bench.turn("warm", "up");
  const before = await bench.look();
  const idle = startIdle();
  let memoryMost = 0;
  let descriptorsMost = 0;
  const sample = setInterval(() => {
    memoryMost = Math.max(memoryMost, privateMemory(bench.pid));
    descriptorsMost = Math.max(descriptorsMost, descriptorsOf(bench.pid));
  }, 200);
  const took: number[] = [];
  const owners = new Map<string, string>();
  const runAgent = async (agent: string) => {
    for (let turn = 0; turn < TURNS; turn++) {
      const prompt = `${agent} asks ${turn}`;
      const start = performance.now();
      try {
        const { text, stop, calls, results } = await bench.turn(agent, prompt);
        took.push(performance.now() - start);
        if (stop !== "end_turn" || text !== `to ${prompt}`) astray.push(`${prompt}: ${stop}, ${text}`);
        const found = results.match(/\S+ found [^"]*/g) ?? [];
        if (!found.some((one) => one.includes(`${agent} found ${prompt}`))) astray.push(`${prompt}: ${results}`);
        for (const id of calls) {
          if (owners.has(id)) astray.push(`${prompt}: call ${id} is also in a stream of ${owners.get(id)}`);
          owners.set(id, prompt);
        }
      } catch (error) {
        astray.push(`${prompt}: ${(error as Error).message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: agents }, (_, index) => runAgent(`agent-${index}-`)));
  clearInterval(sample);
  const after = await bench.look();
  const codexes = codexesOf(bench.pid);
  return {
    agents,
    turn: median(took),
    delayP99: after.delayP99,
    delayMax: after.delayMax,
    idleP99: await idle.end(),
    memoryMost: memoryMost - before.memory,
    memoryAfter: after.memory - before.memory,
    descriptorsBefore: before.descriptors,
    descriptorsMost,
    descriptorsAfter: after.descriptors,
    kept: codexes.length,
    codexMemory: codexes.length === 0 ? 0 : median(codexes.map(privateMemory)),
  };
}

/** Measures the delay of the timers in an idle process, which is due to the machine. */
function startIdle() {
  const program = `
    const { monitorEventLoopDelay } = require("node:perf_hooks");
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    process.stdin.on("end", () => console.log(Math.max(0, delay.percentile(99) / 1e6 - 5))).resume();`;
  const child: ChildProcess = spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return {
    async end(): Promise<number> {
      child.stdin?.end();
      await once(child, "close");
      return Number(output);
    },
  };
}
