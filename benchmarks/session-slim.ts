/**
 * Runs `sessions show` and `consume` on a rollout of 2 GB, as a user does. There are two rollouts: one that codex compacts from time to
 * time, as it does before a context is full, and one of 500 million tokens that it never compacts. `node benchmarks/session-slim.ts [megabytes]`
 *
 * - `time` is that of the process, without the time of the same command on a rollout of 20 KB (`start`).
 * - `read` is the yardstick of the aim, and the strictest one: a loop of reads into one buffer that looks at no byte. The file is in the
 *   page cache, so this is the speed of copying memory. `wc -l` and `grep -c` also look at each byte once.
 * - `cpu` is the processor time of all threads, which other programs on the machine affect less.
 * - `memory` is the peak of the resident memory, without that of the same command on 20 KB. It counts everything that the process has
 *   beyond this: heap, buffers, code.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtPlugin } from "./support/built-plugin.ts";
import { median, milliseconds } from "./support/figures.ts";

const ID = "019b7c9d-dd0d-7000-8000-000000000000";
const SMALL_ID = "019b7c9d-dd0d-7000-8000-000000000001";
const TIME = "2026-01-02T03:04:05.678Z";
const CALLS_PER_TURN = 20;
const CALLS_PER_COMPACTION = 400;
const ROUNDS = 3;
/** Makes a process print its peak memory and its processor time on its last line. */
const REPORT = `data:text/javascript,process.on("exit",()=>{const u=process.resourceUsage();process.stderr.write("\\n"+JSON.stringify([u.maxRSS/1024,(u.userCPUTime+u.systemCPUTime)/1000]))})`;

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
        const wc = timeReader("wc", ["-l", path]);
        const grep = timeReader("grep", ["-c", "call_id", path]);
        const idle = sessions(verb, SMALL_ID, flags);
        const own = sessions(verb, ID, flags);
        if (flags.includes("--yes")) for (const id of [ID, SMALL_ID]) sessions("restore", id, ["--yes"]);
        return { read, wc, grep, own, idle };
      });
      const of = (figure: (run: (typeof runs)[number]) => number) => median(runs.map(figure));
      const time = of(({ own, idle }) => own.ms - idle.ms);
      const times = (yardstick: number) => `${(time / yardstick).toFixed(2)} x`;
      rows.push({
        rollout: `${megabytes} MB, ${Number.isFinite(compactEvery) ? "compacted" : "never compacted"}`,
        command: [
          verb,
          ...flags.filter((flag) => flag.startsWith("--") && (flag === "--yes" || flag === "--dry-run")),
        ].join(" "),
        start: milliseconds(of(({ idle }) => idle.ms)),
        time: milliseconds(time),
        cpu: milliseconds(of(({ own, idle }) => own.cpu - idle.cpu)),
        read: milliseconds(of(({ read }) => read)),
        "aim: 1.5 x read": times(of(({ read }) => read)),
        "x wc -l": times(of(({ wc }) => wc)),
        "x grep -c": times(of(({ grep }) => grep)),
        memory: `${of(({ own, idle }) => own.peak - idle.peak).toFixed(0)} MiB`,
        "its aim": "64 MiB",
      });
    }
  }
  console.table(rows);
} finally {
  await rm(folder, { recursive: true, force: true });
}

function sessions(verb: string, id: string, flags: readonly string[]): { ms: number; peak: number; cpu: number } {
  const env = { ...process.env, CODEX_HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
  const args = ["--import", REPORT, builtPlugin, "sessions", verb, id, ...flags];
  const start = performance.now();
  const child = spawnSync(process.execPath, args, { env, encoding: "utf8", maxBuffer: 2 ** 30 });
  const ms = performance.now() - start;
  if (child.status !== 0) throw new Error(`sessions ${verb} ended with ${child.status}: ${child.stderr}`);
  const [peak, cpu] = JSON.parse(child.stderr.trim().split("\n").at(-1) ?? "") as [number, number];
  return { ms, peak, cpu };
}

/** With a pipe for its output: `grep` stops at the first line if nobody reads it. */
function timeReader(command: string, args: readonly string[]): number {
  const start = performance.now();
  const { status } = spawnSync(command, args);
  if (status !== 0) throw new Error(`${command} ended with ${status}`);
  return performance.now() - start;
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
