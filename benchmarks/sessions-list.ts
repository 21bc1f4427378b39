/**
 * Lists the newest 10 of many sessions, with and without the index, and compares that with reading everything. Also compares a filter
 * with a search of the files. Does both again in a restored home, where every file was changed today.
 *
 * `node benchmarks/sessions-list.ts [sessions] [megabytes]`: by default 5,000 sessions in 300 MB, for which the limits apply. Each time
 * is the shortest of several runs, so that other processes do not affect it.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ListSessionsOptions, listSessions } from "@plexum/codex-sessions";
import { milliseconds } from "./support/figures.ts";

const [count = 5_000, megabytes = 300] = process.argv.slice(2).map(Number);
const START = Date.UTC(2026, 0, 1);
const STEP_MS = 3_600_000;
/** How much of a file's end and beginning is read to find its last message and its folder. */
const ENDS_BYTES = (16 + 4 + 4) * 1024;
const folder = await mkdtemp(join(tmpdir(), "sessions-benchmark-"));
const codexHome = join(folder, "codex");
const cacheFolder = join(folder, "cache");
const list = (options: ListSessionsOptions = {}) => listSessions({ codexHome, cacheFolder, ...options });
const dropIndex = () => rm(cacheFolder, { recursive: true, force: true });
try {
  writeSessions();
  const { ms, grown } = inNewProcess();
  const newest = await repeated(10, dropIndex, () => list());
  const newestWarm = await repeated(20, undefined, () => list());
  const looked = await repeated(10, undefined, async () => statEach());
  const wanted = `message 0 of ${Math.floor(count / 3)}`;
  const found = async (filter: string) => {
    const { sessions } = await list({ filter });
    if (!sessions.some(({ lastMessage }) => lastMessage === filter)) throw new Error(`no session says ${filter}`);
  };
  const filter = await repeated(5, dropIndex, () => found(wanted));
  const filterWarm = await repeated(10, undefined, () => found(wanted));
  const [tool = "", ...args] = searchTool(`${wanted} `);
  const search = await repeated(5, undefined, async () => spawnSync(tool, args, { stdio: "ignore" }));
  const everything = await timed(async () => readEverything());
  touchSessions();
  const restored = await repeated(5, dropIndex, () => list());
  const restoredWarm = await repeated(10, undefined, () => list());
  const size = everything.bytes ?? Number.POSITIVE_INFINITY;
  const row = (figure: string, result: Timed, rival?: [name: string, Timed], limits: Limits = {}) => {
    const ratio = rival === undefined ? undefined : result.ms / rival[1].ms;
    const isOver =
      result.ms > (limits.ms ?? Number.POSITIVE_INFINITY) ||
      (ratio ?? 0) > (limits.ratio ?? Number.POSITIVE_INFINITY) ||
      (result.bytes ?? 0) > (limits.bytes ?? Number.POSITIVE_INFINITY);
    return {
      figure,
      time: milliseconds(result.ms),
      "MB read": result.bytes === undefined ? "" : megabytesOf(result.bytes),
      "of rival's time": ratio === undefined ? "" : `${Number(ratio.toPrecision(3))} x ${rival?.[0]}`,
      limit: [
        limits.ms === undefined ? [] : milliseconds(limits.ms),
        limits.ratio === undefined ? [] : `${limits.ratio} x`,
        limits.bytes === undefined ? [] : `${megabytesOf(limits.bytes)} MB`,
      ]
        .flat()
        .join(", "),
      held: Object.keys(limits).length === 0 ? "" : isOver ? "NO" : "yes",
    };
  };
  const all: [string, Timed] = ["everything", everything];
  const stats: [string, Timed] = ["stat", looked];
  console.table([
    row("newest 10, no index, first call of a process", { ms, bytes: undefined }, all),
    row("newest 10, no index", newest, stats, { ms: 25 }),
    row("newest 10, index", newestWarm, stats, { ms: 15 }),
    row("rival: stat of every file, and nothing else", looked),
    row("rival: everything read and parsed", everything),
    // No byte of a file is read twice, except for reading and writing the index itself.
    row("filter, no index", filter, [tool, search], { ratio: 2, bytes: size }),
    row("filter, index", filterWarm, [tool, search]),
    row(`rival: ${tool}`, search, undefined),
    row("restored home, newest 10, no index", restored, [tool, search], {
      bytes: count * ENDS_BYTES + 10 * (size / count),
    }),
    row("restored home, newest 10, index", restoredWarm, [tool, search]),
  ]);
  console.log(`Peak of resident memory grew by ${grown.toFixed(1)} MiB in that first call (limit: 64 MiB).`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

interface Timed {
  readonly ms: number;
  readonly bytes: number | undefined;
}

interface Limits {
  readonly ms?: number;
  /** The limit as a multiple of the rival's time. */
  readonly ratio?: number;
  readonly bytes?: number;
}

async function timed(run: () => Promise<unknown>): Promise<Timed> {
  const bytesBefore = bytesRead();
  const start = performance.now();
  await run();
  const ms = performance.now() - start;
  const bytes = bytesRead();
  return { ms, bytes: bytes === undefined || bytesBefore === undefined ? undefined : bytes - bytesBefore };
}

/** Measures the first call in a new process: its time, and by how many MiB the peak of resident memory grows. */
function inNewProcess(): { ms: number; grown: number } {
  const program = `
    import { listSessions } from ${JSON.stringify(import.meta.resolve("@plexum/codex-sessions"))};
    const peak = () => process.resourceUsage().maxRSS / 1024;
    const [before, start] = [peak(), performance.now()];
    await listSessions(${JSON.stringify({ codexHome, cacheFolder })});
    console.log(JSON.stringify({ ms: performance.now() - start, grown: peak() - before }));`;
  return JSON.parse(spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }).stdout);
}

/** Returns the shortest time of several runs, and the bytes that the first one reads. */
async function repeated(times: number, prepare: (() => Promise<void>) | undefined, run: () => Promise<unknown>) {
  const results: Timed[] = [];
  for (let turn = 0; turn < times; turn++) {
    await prepare?.();
    results.push(await timed(run));
  }
  return { ms: Math.min(...results.map(({ ms }) => ms)), bytes: results[0]?.bytes };
}

/** Returns the bytes that this process has read so far, from any cache. Only Linux reports them. */
function bytesRead(): number | undefined {
  if (process.platform !== "linux") return undefined;
  return Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}

function megabytesOf(bytes: number): number {
  return Number((bytes / 1e6).toPrecision(3));
}

function paths(): string[] {
  const names = readdirSync(codexHome, { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".jsonl")).map((name) => join(codexHome, name));
}

/** Reads and parses every session, which is necessary if nothing says which are the newest. */
function readEverything(): void {
  for (const path of paths())
    for (const line of readFileSync(path, "utf8").split("\n")) if (line !== "") JSON.parse(line);
}

/** Gets the time of change of each session: the minimum for any list that relies on nothing else. */
function statEach(folder = join(codexHome, "sessions")): void {
  for (const name of readdirSync(folder)) {
    const path = `${folder}/${name}`;
    if (name.endsWith(".jsonl")) statSync(path);
    else statEach(path);
  }
}

/** Sets the time of change of all sessions to now, like a sync or a backup that does not keep times. */
function touchSessions(): void {
  const now = new Date();
  for (const path of paths()) utimesSync(path, now, now);
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
