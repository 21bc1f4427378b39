/**
 * Runs `sessions show`, `consume` and `restore` on a rollout of 2 GB, as a user does, and compares them with reading the file once. Also
 * compares a process's peak resident memory with that of the same command on a small rollout. There are two rollouts: one that codex
 * compacts from time to time, as it does before a context is full, and one of 500 million tokens that it never compacts. `node benchmarks/session-slim.ts [megabytes]`
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, milliseconds } from "./figures.ts";

const PLUGIN = fileURLToPath(new URL("../apps/plugin/dist/main.js", import.meta.url));
const ID = "019b7c9d-dd0d-7000-8000-000000000000";
const SMALL_ID = "019b7c9d-dd0d-7000-8000-000000000001";
const TIME = "2026-01-02T03:04:05.678Z";
const CALLS_PER_TURN = 20;
const CALLS_PER_COMPACTION = 400;
const ROUNDS = 3;
/** Makes a process print its peak memory on its last line. */
const REPORT_PEAK = `data:text/javascript,process.on("exit",()=>process.stderr.write("\\n"+process.resourceUsage().maxRSS))`;

const [megabytes = 2_000] = process.argv.slice(2).map(Number);
const folder = await mkdtemp(join(tmpdir(), "session-slim-benchmark-"));
try {
  const rows: Record<string, string>[] = [];
  for (const compactEvery of [CALLS_PER_COMPACTION, Number.POSITIVE_INFINITY]) {
    const path = rollout(ID, megabytes * 1e6, compactEvery);
    rollout(SMALL_ID, 20e3, compactEvery);
    for (const args of [
      ["show", "--json"],
      ["consume", "--larger-than", "500", "--older-than", "0", "--dry-run", "--json"],
      ["consume", "--larger-than", "500", "--older-than", "0", "--yes", "--json"],
    ]) {
      const [verb = "", ...flags] = args;
      const runs = Array.from({ length: ROUNDS }, () => {
        const read = readOnce(path);
        const idle = sessions(verb, SMALL_ID, flags);
        const own = sessions(verb, ID, flags);
        if (flags.includes("--yes")) for (const id of [ID, SMALL_ID]) sessions("restore", id, ["--yes"]);
        return { read, own, idle };
      });
      const read = median(runs.map((run) => run.read));
      const time = median(runs.map(({ own, idle }) => own.ms - idle.ms));
      const grown = median(runs.map(({ own, idle }) => own.peak - idle.peak));
      rows.push({
        rollout: Number.isFinite(compactEvery) ? `${megabytes} MB, compacted` : `${megabytes} MB, never compacted`,
        command: args.filter((arg) => arg !== "--json").join(" "),
        time: milliseconds(time),
        "reading it once": milliseconds(read),
        ratio: `${(time / read).toFixed(2)} x`,
        limit: "<= 1.5 x",
        memory: `${grown.toFixed(0)} MiB`,
        "its limit": "<= 64 MiB",
      });
    }
  }
  console.table(rows);
} finally {
  await rm(folder, { recursive: true, force: true });
}

function sessions(verb: string, id: string, flags: readonly string[]): { ms: number; peak: number } {
  const env = { ...process.env, CODEX_HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
  const args = ["--import", REPORT_PEAK, PLUGIN, "sessions", verb, id, ...flags];
  const start = performance.now();
  const child = spawnSync(process.execPath, args, { env, encoding: "utf8", maxBuffer: 2 ** 30 });
  const ms = performance.now() - start;
  if (child.status !== 0) throw new Error(`sessions ${verb} ended with ${child.status}: ${child.stderr}`);
  return { ms, peak: Number(child.stderr.trim().split("\n").at(-1)) / 1024 };
}

function readOnce(path: string): number {
  const start = performance.now();
  const file = openSync(path, "r");
  const buffer = Buffer.allocUnsafe(2 ** 20);
  while (readSync(file, buffer) > 0);
  closeSync(file);
  return performance.now() - start;
}

/** Writes lines like codex's: turns of calls with outputs of 3 KB, what codex keeps for its display, counts, compactions. */
function rollout(id: string, size: number, compactEvery: number): string {
  const day = join(folder, "sessions", "2026", "01", "02");
  mkdirSync(day, { recursive: true });
  const path = join(day, `rollout-2026-01-02T03-04-05-${id}.jsonl`);
  const file = openSync(path, "w");
  const noise = JSON.stringify('Some output of a tool, with "quotes" and\nlines. '.repeat(60));
  const usage = `{"input_tokens":200000,"cached_input_tokens":190000,"output_tokens":100,"reasoning_output_tokens":0,"total_tokens":200100}`;
  const info = `{"total_token_usage":${usage},"last_token_usage":${usage},"model_context_window":258400}`;
  let ordinal = 0;
  const line = (type: string, payload: string) =>
    `{"timestamp":"${TIME}","ordinal":${ordinal++},"type":"${type}","payload":${payload}}\n`;
  const message = (text: string) =>
    `{"type":"message","role":"user","content":[{"type":"input_text","text":${JSON.stringify(text)}}]}`;
  let chunk = line("session_meta", `{"id":"${id}","timestamp":"${TIME}","cwd":"/project","source":"cli"}`);
  for (let call = 0, written = 0; written + chunk.length < size; call++) {
    const turn = Math.floor(call / CALLS_PER_TURN);
    if (call % CALLS_PER_TURN === 0)
      chunk +=
        line("event_msg", `{"type":"task_started","turn_id":"turn_${turn}"}`) +
        line("response_item", message(`go on ${turn}`)) +
        line("event_msg", `{"type":"user_message","message":"go on ${turn}"}`);
    const callId = idOf(call);
    chunk +=
      line("response_item", `{"type":"function_call","name":"read","arguments":"{}","call_id":"${callId}"}`) +
      line("response_item", `{"type":"function_call_output","call_id":"${callId}","output":${noise}}`) +
      line("event_msg", `{"type":"agent_message","message":${noise}}`) +
      line("event_msg", `{"type":"token_count","info":${info},"rate_limits":null}`);
    if ((call + 1) % CALLS_PER_TURN === 0)
      chunk += line("event_msg", `{"type":"task_complete","turn_id":"turn_${turn}"}`);
    if ((call + 1) % compactEvery === 0)
      chunk += line("compacted", `{"message":"summary","replacement_history":[${message("go on")}]}`);
    if (chunk.length > 4e6) {
      written += writeSync(file, chunk);
      chunk = "";
    }
  }
  writeSync(file, chunk);
  closeSync(file);
  return path;
}

/** Returns an id as long as a real one. */
function idOf(call: number): string {
  return `call_${createHash("sha256").update(String(call)).digest("base64url").slice(0, 24)}`;
}
