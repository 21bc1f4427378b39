/**
 * Mutates the oldest and the newest call of rollouts of 10 MB, 200 MB and 2 GB. Compares that with a grep for the same id, with reading
 * the file once, and with decoding every line and rewriting the file. Then mutates many calls at once. Needs 4.5 GB in the temporary
 * folder; `--quick` skips 2 GB.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, createReadStream, createWriteStream, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Files, nodeFiles } from "@plexum/jsonl-edit";
import { mutateRollout } from "@plexum/rollout";
import { mutateWith } from "../packages/rollout/src/mutate/mutate-rollout.ts";

const [mode, childPath = "", childId = ""] = process.argv.slice(2);
if (mode === "--grow") {
  // In a separate process: how much the resident set grows during a mutation.
  await mutateRollout("/nowhere", [{ callId: "none", output: "x" }]);
  const before = process.memoryUsage().rss;
  await mutateRollout(childPath, [{ callId: childId, output: `${Date.now()}` }]);
  console.log(Math.max(0, process.resourceUsage().maxRSS * 1024 - before));
  process.exit();
}

const folder = await mkdtemp(join(tmpdir(), "rollout-benchmark-"));
try {
  const rows: Record<string, string | number>[] = [];
  const sizes = [10e6, 200e6, ...(mode === "--quick" ? [] : [2e9])];
  for (const size of sizes) {
    const day = join(folder, "sessions", "2026", "01", "02");
    mkdirSync(day, { recursive: true });
    const path = join(day, "rollout-2026-01-02T03-04-05-019b7c9d-dd0d-7000-8000-000000000000.jsonl");
    const newest = generate(path, size);
    const repeat = size > 1e9 ? 3 : 7;
    for (const [which, id] of [
      ["oldest", idOf(0)],
      ["newest", idOf(newest)],
    ] as const) {
      const runs = [];
      for (let run = 0; run <= repeat; run++) runs.push(await mutation(path, id, run));
      runs.shift();
      const ours = median(runs.map((run) => run.total - run.flush));
      const grep = median(times(repeat, () => execFileSync("grep", ["-F", "-c", `"${id}"`, path])));
      const read = median(times(repeat, () => readOnce(path)));
      const rewrite = size > 1e9 ? undefined : await timed(() => decodeAndRewrite(path, id));
      const grown = Number(
        spawnSync(process.execPath, [process.argv[1] ?? "", "--grow", path, id], { encoding: "utf8" }).stdout,
      );
      rows.push({
        rollout: `${size / 1e6} MB`,
        call: which,
        "ours ms": round(ours),
        "disk flush ms": round(median(runs.map((run) => run.flush))),
        "grep -F ms": round(grep),
        "read once ms": round(read),
        "rewrite ms": rewrite === undefined ? "-" : round(rewrite),
        "ours/grep": round(ours / grep),
        "grown MiB": round(grown / 2 ** 20),
        aim: which === "oldest" ? "ours/grep ≤ 1, grown ≤ 32" : "ours ≤ 2 ms, grown ≤ 32",
      });
    }
    await rm(path);
  }
  console.table(rows);
  console.table(await manyAtOnce());
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Consumes many calls in one mutation, newest first: the time per call must not depend on their number. */
async function manyAtOnce(): Promise<Record<string, string | number>[]> {
  const path = join(folder, "rollout-2026-01-02T03-04-05-019b7c9d-dd0d-7000-8000-000000000000.jsonl");
  const newest = generate(path, 160e6);
  const runs: { calls: number; ms: number; perCall: number }[] = [];
  for (const calls of [1_000, 2_000, 4_000, 8_000, 16_000]) {
    const ids = Array.from({ length: calls }, (_, index) => idOf(newest - index));
    const times: number[] = [];
    for (let run = 0; run < 3; run++) {
      const edits = ids.map((callId) => ({ callId, output: `...(${calls} ${run})` }));
      times.push(await timed(() => mutateRollout(path, edits)));
    }
    runs.push({ calls, ms: median(times), perCall: median(times) / calls });
  }
  await rm(path);
  const [first] = runs;
  return runs.map(({ calls, ms, perCall }) => ({
    calls,
    "ours ms": round(ms),
    "µs a call": round(perCall * 1000),
    "beside 1,000": round(perCall / (first?.perCall ?? perCall)),
    aim: "≤ 1.25",
  }));
}

/** Returns an id as long as a real one. */
function idOf(call: number): string {
  return `call_${createHash("sha256").update(String(call)).digest("base64url").slice(0, 24)}`;
}

/** Writes lines like codex's: a call, its output of a few KB, a message. Returns the number of the last call. */
function generate(path: string, size: number): number {
  const file = openSync(path, "w");
  const noise = JSON.stringify('Some output of a tool, with "quotes" and\nlines. '.repeat(60));
  let call = 0;
  let chunk = `{"timestamp":"2026-01-02T03:04:05Z","ordinal":0,"type":"session_meta","payload":{"id":"t"}}\n`;
  for (let written = 0; written < size; call++) {
    const head = `{"timestamp":"2026-01-02T03:04:05Z","ordinal":${call},"type":`;
    chunk += `${head}"response_item","payload":{"type":"function_call","name":"read","arguments":"{\\"path\\":\\"x\\"}","call_id":"${idOf(call)}"}}
${head}"response_item","payload":{"type":"function_call_output","call_id":"${idOf(call)}","output":${noise}}}
${head}"event_msg","payload":{"type":"agent_message","message":${noise}}}
`;
    if (chunk.length > 4e6 || written + chunk.length >= size) {
      written += writeSync(file, chunk);
      chunk = "";
    }
  }
  closeSync(file);
  return call - 1;
}

async function mutation(path: string, callId: string, run: number): Promise<{ total: number; flush: number }> {
  let flush = 0;
  const timedFlush = async (sync: () => Promise<void>) => {
    flush += await timed(sync);
  };
  const files: Files = {
    ...nodeFiles,
    open: async (...args) => {
      const file = await nodeFiles.open(...args);
      return { ...file, sync: () => timedFlush(file.sync) };
    },
    // Freeing the blocks of a flushed file also waits for the disk.
    unlink: (path) => timedFlush(() => nodeFiles.unlink(path)),
    syncDirectory: (folder) => timedFlush(() => nodeFiles.syncDirectory(folder)),
  };
  const total = await timed(async () => {
    const report = await mutateWith(files, path, [{ callId, output: `...(${run})` }]);
    if (report.mode !== "in-place") throw new Error(JSON.stringify(report));
  });
  return { total, flush };
}

function readOnce(path: string): void {
  const file = openSync(path, "r");
  const buffer = Buffer.allocUnsafe(2 ** 20);
  while (readSync(file, buffer) > 0);
  closeSync(file);
}

/** The usual way: parses and rewrites every line, and replaces the file. */
async function decodeAndRewrite(path: string, callId: string): Promise<void> {
  const out = createWriteStream(`${path}.copy`);
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    const record = JSON.parse(line);
    if (record.payload.call_id === callId && "output" in record.payload) record.payload.output = "...(consumed)";
    if (!out.write(`${JSON.stringify(record)}\n`)) await once(out, "drain");
  }
  out.end();
  await once(out, "close");
  await rename(`${path}.copy`, `${path}.rewritten`);
  await rm(`${path}.rewritten`);
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

function times(count: number, run: () => unknown): number[] {
  return Array.from({ length: count }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
