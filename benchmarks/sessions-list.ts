/**
 * The newest 10 of many sessions, without and with the index, beside reading everything; and a filter beside a search of the files.
 * `node benchmarks/sessions-list.ts [sessions] [megabytes]`: 5,000 sessions in 300 MB unless told; the aims are for 2,000 MB.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ListSessionsOptions, listSessions } from "@plexum/session-store";
import { median, milliseconds } from "./figures.ts";

const [count = 5_000, megabytes = 300] = process.argv.slice(2).map(Number);
const START = Date.UTC(2026, 0, 1);
const STEP_MS = 3_600_000;
const folder = await mkdtemp(join(tmpdir(), "sessions-benchmark-"));
const codexHome = join(folder, "codex");
const cacheFolder = join(folder, "cache");
const list = (options: ListSessionsOptions = {}) => listSessions({ codexHome, cacheFolder, ...options });
const dropIndex = () => rm(cacheFolder, { recursive: true, force: true });
try {
  writeSessions();
  const { ms, grown } = inFreshProcess();
  const cold = await repeated(5, dropIndex, () => list());
  const warm = await repeated(20, undefined, () => list());
  const wanted = `message 0 of ${Math.floor(count / 3)} `;
  const filter = await repeated(2, dropIndex, () => list({ filter: wanted }));
  const filterWarm = await repeated(5, undefined, () => list({ filter: wanted }));
  const everything = await timed(async () => readEverything());
  const [tool = "", ...args] = searchTool(wanted);
  const search = await timed(async () => spawnSync(tool, args, { stdio: "ignore" }));
  const row = (figure: string, result: Timed, rival?: Timed, aim = "") => ({
    figure,
    time: milliseconds(result.ms),
    "MB read": result.bytes === undefined ? "" : Number((result.bytes / 1e6).toPrecision(3)),
    ratio: rival === undefined ? "" : `${Number((rival.ms / result.ms).toPrecision(3))} x`,
    aim,
  });
  console.table([
    row("newest 10, no index, first call of a process", { ms, bytes: undefined }, everything),
    row("newest 10, no index", cold, everything, ">= 100 x"),
    row("newest 10, index", warm, everything, "<= 20 ms"),
    row("rival: reads and parses everything", everything),
    row("filter, no index", filter, search),
    row("filter, index", filterWarm, search),
    row(`rival: ${tool}`, search),
  ]);
  console.log(`Peak of resident memory grew by ${grown.toFixed(1)} MiB in that first call (aim: <= 64 MiB).`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

interface Timed {
  readonly ms: number;
  readonly bytes: number | undefined;
}

async function timed(run: () => Promise<unknown>): Promise<Timed> {
  const bytesBefore = bytesRead();
  const start = performance.now();
  await run();
  const ms = performance.now() - start;
  const bytes = bytesRead();
  return { ms, bytes: bytes === undefined || bytesBefore === undefined ? undefined : bytes - bytesBefore };
}

/** The first call of a process: what it takes, and by how many MiB the peak of resident memory grows. */
function inFreshProcess(): { ms: number; grown: number } {
  const program = `
    import { listSessions } from ${JSON.stringify(import.meta.resolve("@plexum/session-store"))};
    const peak = () => process.resourceUsage().maxRSS / 1024;
    const [before, start] = [peak(), performance.now()];
    await listSessions(${JSON.stringify({ codexHome, cacheFolder })});
    console.log(JSON.stringify({ ms: performance.now() - start, grown: peak() - before }));`;
  return JSON.parse(spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }).stdout);
}

/** The median of some runs. */
async function repeated(times: number, prepare: (() => Promise<void>) | undefined, run: () => Promise<unknown>) {
  const results: Timed[] = [];
  for (let turn = 0; turn < times; turn++) {
    await prepare?.();
    results.push(await timed(run));
  }
  return { ms: median(results.map(({ ms }) => ms)), bytes: results[0]?.bytes };
}

/** By this process so far, from whatever cache; Linux tells. */
function bytesRead(): number | undefined {
  if (process.platform !== "linux") return undefined;
  return Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}

/** What is done to every session where nothing says which are the newest. */
function readEverything(): void {
  for (const name of readdirSync(codexHome, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".jsonl")) continue;
    for (const line of readFileSync(join(codexHome, name), "utf8").split("\n")) if (line !== "") JSON.parse(line);
  }
}

function searchTool(text: string): string[] {
  const isThere = spawnSync("rg", ["--version"]).status === 0;
  return isThere ? ["rg", "-lF", text, codexHome] : ["grep", "-rlF", text, codexHome];
}

function writeSessions(): void {
  const output = "x = call(argument, 'text')\n".repeat(150);
  for (let number = 0; number < count; number++) {
    const time = START + number * STEP_MS;
    const id = uuidV7(time, number);
    const day = new Date(time).toISOString().slice(0, 10);
    const target = join(codexHome, "sessions", ...day.split("-"));
    mkdirSync(target, { recursive: true });
    const path = join(target, `rollout-${day}T00-00-00-${id}.jsonl`);
    writeFileSync(path, sessionText(id, number, time, output));
    utimesSync(path, time / 1_000, time / 1_000);
  }
}

function sessionText(id: string, number: number, time: number, output: string): string {
  const line = (type: string, payload: object) =>
    `${JSON.stringify({ timestamp: new Date(time).toISOString(), type, payload })}\n`;
  const said = (turn: number) => {
    const text = `message ${turn} of ${number} `;
    return [
      line("response_item", { type: "message", role: "user", content: [{ type: "input_text", text }] }),
      line("event_msg", { type: "user_message", message: text, images: [] }),
    ].join("");
  };
  const call = line("response_item", { type: "function_call", name: "exec_command", arguments: '{"cmd":"cat file"}' });
  const work = call + line("response_item", { type: "function_call_output", call_id: "call", output });
  const head = line("session_meta", {
    id,
    cwd: `/home/user/project-${number % 40}`,
    base_instructions: "x".repeat(21_000),
  });
  const turns = 4;
  const rest = Math.max(0, (megabytes * 1e6) / count - head.length);
  const turnWork = work.repeat(Math.round(rest / turns / work.length));
  return head + Array.from({ length: turns }, (_, turn) => said(turns - 1 - turn) + turnWork).join("");
}

function uuidV7(time: number, number: number): string {
  const hex = time.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${number.toString(16).padStart(12, "0")}`;
}
