import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { MARKER_VARIABLE, markerValue, newTurnMarker, ProcessFamily, type Program } from "@plexum/cli-turn";

export interface AskOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  /** Null if a signal ended it. */
  readonly exitCode: number | null;
  /** The beginning of what it wrote, at most 64 KiB. */
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_ANSWER_BYTES = 64 * 1024;

/** Time from SIGTERM to SIGKILL, in milliseconds. */
const TERMINATE_MS = 300;

/** How long to wait for the output after the program has exited, in milliseconds: another process may hold its pipes open. */
const DRAIN_MS = 200;

/**
 * Runs codex and returns its short answer. Ends every process that it started.
 * @throws Error if it can't be started or takes too long; the signal's reason.
 */
export async function askCodex(codex: Program, args: readonly string[], options: AskOptions): Promise<Answer> {
  const { env, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const limit = AbortSignal.timeout(Math.ceil(timeoutMs));
  const marker = newTurnMarker();
  const family = new ProcessFamily(marker);
  const child = spawn(codex.command, [...codex.prefix, ...args], {
    env: { ...env, [MARKER_VARIABLE]: markerValue(codex.path, marker) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = [beginningOf(child.stdout), beginningOf(child.stderr)];
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  const stop = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  try {
    const exitCode = await Promise.race([exited, rejection(stop)]);
    await Promise.race([closed, delay(DRAIN_MS, undefined, { ref: false })]);
    return { exitCode, stdout: stdout(), stderr: stderr() };
  } catch (error) {
    signal?.throwIfAborted();
    if (limit.aborted) throw new Error(`no answer within ${timeoutMs} ms`, { cause: error });
    throw error;
  } finally {
    await family.endRest(TERMINATE_MS);
    child.kill("SIGKILL");
    // Don't wait for a leftover process that cleared its environment and holds a pipe open.
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function beginningOf(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on("data", (chunk: Buffer) => {
    if (length < MAX_ANSWER_BYTES) chunks.push(chunk.subarray(0, MAX_ANSWER_BYTES - length));
    length += chunk.length;
  });
  stream.on("error", () => {});
  return () => Buffer.concat(chunks).toString("utf8");
}

const rejection = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
