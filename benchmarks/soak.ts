/**
 * Runs turns on both transports at once for a long time. Each calls a host tool; some are cancelled, and each thread ends after
 * 50 turns. Aims: at the end the plugin holds as many resources as at the start, and no turn has failed. Exits with 1 otherwise.
 *
 * `node benchmarks/soak.ts [--minutes 60] [--pause-ms 0]`
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { newestCodex } from "@plexum/real-codex";
import {
  codexesOf,
  descriptorsOf,
  type Holdings,
  privateMemory,
  startProbedPlugin,
  TRANSPORTS,
} from "./support/probed-plugin.ts";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "60" }, "pause-ms": { type: "string", default: "0" } },
});
/** The pause after each turn, for a machine that has other work to do. */
const PAUSE_MS = Number(values["pause-ms"]);
const DURATION_MS = Number(values.minutes) * 60_000;

/** Turns before the first measurement: what they load and cache is not a leak. */
const WARM_UP_TURNS = 60;
const THREAD_TURNS = 50;
const CANCEL_EVERY = 10;
const REPORTS = 12;

/** How much the heap may grow, in MB: V8's compiled code varies by this much. */
const HEAP_TOLERANCE = 3;

interface Row extends Holdings {
  readonly turns: number;
  readonly codex: { readonly memory: number; readonly descriptors: number } | undefined;
}

console.log(`${values.minutes} minutes on codex ${newestCodex.version}`);
const ends = await Promise.all(TRANSPORTS.map(soak));
process.exitCode = ends.every(Boolean) ? 0 : 1;

async function soak(transport: (typeof TRANSPORTS)[number]): Promise<boolean> {
  await using bench = await startProbedPlugin({ config: { transport } });
  const rows: Row[] = [];
  const faults: string[] = [];
  let turns = 0;
  let cancelled = 0;
  const look = async () => {
    const [codex] = codexesOf(bench.pid);
    rows.push({
      ...(await bench.look()),
      turns,
      codex: codex === undefined ? undefined : { memory: privateMemory(codex), descriptors: descriptorsOf(codex) },
    });
    const row = rows.at(-1) as Row;
    console.log(`${new Date().toISOString().slice(11, 19)} ${transport}: ${describe(row)}`);
  };

  const oneTurn = async () => {
    turns++;
    const prompt = `question ${turns}`;
    const cancels = turns % CANCEL_EVERY === 0;
    const signal = cancels ? AbortSignal.timeout((turns * 37) % 400) : undefined;
    try {
      const seen = await bench.turn("soaked", prompt, signal);
      if (seen.stop === "cancelled" && cancels) cancelled++;
      else if (seen.stop !== "end_turn" || seen.text !== `to ${prompt}`) faults.push(`${prompt}: ${seen.stop}`);
      else if (!seen.results.includes(`soaked found ${prompt}`)) faults.push(`${prompt}: no result of its tool`);
    } catch (error) {
      // Cancelled before it started.
      if (signal?.aborted) cancelled++;
      else faults.push(`${prompt}: ${(error as Error).message}`);
    }
    if (turns % THREAD_TURNS === 0) await rm(join(bench.folder, "soaked", ".plexum-codex-session"), { force: true });
  };

  for (let turn = 0; turn < WARM_UP_TURNS; turn++) await oneTurn();
  await look();
  const start = Date.now();
  for (let report = 1; report <= REPORTS; report++) {
    const until = start + (DURATION_MS * report) / REPORTS;
    while (Date.now() < until) {
      await oneTurn();
      await delay(PAUSE_MS);
    }
    await look();
  }
  const first = rows[0] as Row;
  const last = rows.at(-1) as Row;
  if (last.heap > first.heap + HEAP_TOLERANCE) faults.push(`the heap grew from ${first.heap} to ${last.heap} MB`);
  if (last.descriptors > first.descriptors) faults.push(`${first.descriptors} descriptors became ${last.descriptors}`);
  if (last.children > first.children) faults.push(`${first.children} children became ${last.children}`);
  for (const [name, count] of Object.entries(last.resources)) {
    if (count > (first.resources[name] ?? 0)) faults.push(`${first.resources[name] ?? 0} ${name} became ${count}`);
  }
  console.log(`${transport}: ${turns} turns, ${cancelled} of them cancelled, ${faults.length} faults`);
  console.log(`  at the start: ${describe(first)}\n  at the end:   ${describe(last)}`);
  for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`);
  for (const warning of new Set(bench.warnings.slice(0, 1000))) console.log(`  warning: ${warning}`);
  return faults.length === 0;
}

function describe({ turns, heap, memory, descriptors, children, resources, delayP99, codex }: Row): string {
  const held = Object.entries(resources).map(([name, count]) => `${count} ${name}`);
  const ofCodex = codex ? `; codex ${codex.memory.toFixed(0)} MB, ${codex.descriptors} descriptors` : "";
  return `${turns} turns, heap ${heap.toFixed(1)} MB, private ${memory.toFixed(0)} MB, ${descriptors} descriptors, ${children} children, ${held.join(", ")}, delay p99 ${delayP99.toFixed(1)} ms${ofCodex}`;
}
