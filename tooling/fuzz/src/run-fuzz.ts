/**
 * Feeds random and growing inputs to readers, and keeps in `corpus/` what breaks one.
 *
 * `pnpm run fuzz -- [--target NAME] [--seconds 60] [--growth-seconds 120] [--seed N]`
 */
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { keepInput } from "./corpus.ts";
import type { FuzzJob, FuzzReport } from "./fuzz-worker.ts";
import { Progress } from "./progress.ts";
import { targets } from "./targets.ts";

/** How much CPU time one input may take, and how much real time if it waits for something that never comes. */
const HANG_CPU_MS = 60_000;
const HANG_MS = 600_000;

const { values } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== "--"),
  options: {
    target: { type: "string" },
    seconds: { type: "string", default: "60" },
    "growth-seconds": { type: "string", default: "120" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});

const wanted = targets.filter(({ name }) => values.target === undefined || name === values.target);
if (wanted.length === 0)
  throw new Error(`no such target: ${values.target}. There are ${targets.map(({ name }) => name).join(", ")}`);

for (const { name } of wanted) {
  const job: FuzzJob = {
    target: name,
    seconds: Number(values.seconds),
    growthSeconds: Number(values["growth-seconds"]),
    seed: Number(values.seed),
    progress: Progress.room(),
  };
  if (!(await fuzz(job))) process.exitCode = 1;
}

/** Returns whether the target held. */
async function fuzz(job: FuzzJob): Promise<boolean> {
  const start = performance.now();
  const { report, error, hangs } = await run(job);
  const seconds = Math.round((performance.now() - start) / 1000);
  const progress = new Progress(job.progress);
  const failure =
    report?.failure ?? (hangs || error ? { error: error ?? "does not end", bytes: progress.input } : undefined);
  if (failure !== undefined) {
    const path = keepInput({ name: job.target }, failure.bytes);
    console.log(`${job.target}: FAILED after ${seconds} s, seed ${job.seed}: ${failure.error}\n  kept as ${path}`);
    return false;
  }
  if (report === undefined) return false;
  const { runs, slowest, formsMeasured, formsLeft, superlinear } = report;
  const left = formsLeft > 0 ? `, ${formsLeft} more were left` : "";
  console.log(
    `${job.target}: ${runs} runs in ${seconds} s, seed ${job.seed}; the slowest ${slowest.ms.toFixed(0)} ms for ${slowest.bytes} bytes; ${formsMeasured} forms grown${left}`,
  );
  for (const form of superlinear) console.log(`  SUPERLINEAR ${form}`);
  return superlinear.length === 0;
}

interface Run {
  readonly report?: FuzzReport;
  readonly error?: string;
  readonly hangs?: boolean;
}

async function run(job: FuzzJob): Promise<Run> {
  const { promise, resolve } = Promise.withResolvers<Run>();
  const worker = new Worker(new URL("./fuzz-worker.ts", import.meta.url), { workerData: job });
  const progress = new Progress(job.progress);
  let step = progress.step;
  let since = now();
  const watch = setInterval(() => {
    const time = now();
    if (progress.step !== step) [step, since] = [progress.step, time];
    else if (step % 2 === 1 && (time.cpuMs - since.cpuMs > HANG_CPU_MS || time.ms - since.ms > HANG_MS))
      resolve({ hangs: true });
  }, 1000);
  worker.on("message", (report: FuzzReport) => resolve({ report }));
  worker.on("error", (error) => resolve({ error: String((error as Error).stack ?? error) }));
  worker.on("exit", (code) => resolve({ error: `the thread ended with ${code}` }));
  const outcome = await promise;
  clearInterval(watch);
  await worker.terminate();
  return outcome;
}

/** Returns the CPU time of all threads, and the real time. */
function now(): { cpuMs: number; ms: number } {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1000, ms: performance.now() };
}
