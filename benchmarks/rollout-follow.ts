/**
 * Measures the time from another process's append to the event here, and compares it with polling every 100 ms and every 10 ms. Also
 * measures the cost of waiting.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { followRollout } from "@plexum/rollout";

const LINES = 200;
const folder = await mkdtemp(join(tmpdir(), "rollout-benchmark-"));
try {
  const rows = [];
  for (const [way, follow] of [
    ["followRollout", times],
    ["poll 10 ms", (path: string, signal: AbortSignal) => polled(path, 10, signal)],
    ["poll 100 ms", (path: string, signal: AbortSignal) => polled(path, 100, signal)],
  ] as const) {
    const path = join(folder, `${way.replaceAll(" ", "-")}.jsonl`);
    await writeFile(path, "");
    const stop = new AbortController();
    const latencies: number[] = [];
    const cpu = process.cpuUsage();
    const following = (async () => {
      for await (const appended of follow(path, stop.signal)) latencies.push(Date.now() + fraction() - appended);
    })();
    await delay(300);
    const script = `const { appendFileSync } = require("node:fs");
let left = ${LINES};
const next = () => { if (left-- === 0) return; const now = performance.timeOrigin + performance.now();
appendFileSync(${JSON.stringify(path)}, JSON.stringify({ type: "event_msg", payload: { type: "x", now } }) + "\\n"); setTimeout(next, 7 + left % 5); };
next();`;
    await once(spawn(process.execPath, ["-e", script], { stdio: "inherit" }), "exit");
    await delay(200);
    const idle = process.cpuUsage();
    await delay(1_000);
    const waiting = process.cpuUsage(idle);
    stop.abort();
    await following;
    const used = process.cpuUsage(cpu);
    latencies.sort((a, b) => a - b);
    const at = (share: number) => Number((latencies[Math.floor(latencies.length * share)] ?? Number.NaN).toFixed(2));
    rows.push({
      way,
      lines: latencies.length,
      "median ms": at(0.5),
      "p95 ms": at(0.95),
      "cpu ms": Math.round((used.user + used.system) / 1000),
      "cpu ms of an idle second": Number(((waiting.user + waiting.system) / 1000).toFixed(1)),
      aim: way === "followRollout" ? "median ≤ 20 ms" : "",
    });
  }
  console.table(rows);
} finally {
  await rm(folder, { recursive: true, force: true });
}

function fraction(): number {
  return performance.timeOrigin + performance.now() - Date.now();
}

async function* times(path: string, signal: AbortSignal): AsyncGenerator<number> {
  for await (const entry of followRollout(path, { signal }))
    if (entry.kind === "line" && entry.line.type === "event_msg") yield Number(entry.line.payload.now);
}

async function* polled(path: string, interval: number, signal: AbortSignal): AsyncGenerator<number> {
  let position = 0;
  await using file = await open(path);
  while (!signal.aborted) {
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(size - position), 0, size - position, position);
    position = size;
    for (const line of buffer.toString().split("\n").filter(Boolean)) yield Number(JSON.parse(line).payload.now);
    await delay(interval);
  }
}
