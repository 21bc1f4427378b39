import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { LineSplitter, type SplitLine } from "@plexum/jsonl";
import { type EndStep, endProcess } from "./end-process.ts";
import { EventQueue } from "./event-queue.ts";
import type { Program } from "./locate-program.ts";
import { scopeMarker } from "./marker.ts";
import { DEFAULT_GRACE, type EndGrace, ProcessFamily } from "./process-family.ts";
import { type MarkedProcess, makeWorkspace, spawnMarked } from "./spawn-marked.ts";
import { StderrReader } from "./stderr-reader.ts";

/** How long the pipes may stay open after the program and its family are gone, held by a process that could not be ended. */
const PIPE_GRACE_MS = 1000;

/** How long after a command may have started its processes are looked up, in milliseconds: by then its shell has started them. */
const LOOK_AFTER_MS = 250;

/** setTimeout takes no more (2^31 - 1 ms, about 24.8 days). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const DEFAULT_TIMEOUT_MS = 60 * 60 * 1000;
const DEFAULT_MAX_UNREAD_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_LINE_BYTES = 32 * 1024 * 1024;

/** Turns the bytes of stdout into values, as they come. */
export interface OutputParser<T> {
  write(chunk: Uint8Array): readonly T[];
  /** The values that only the end of the output completes. */
  end(): readonly T[];
}

export interface StartCliOptions<T> {
  readonly program: Program;
  readonly args: readonly string[];
  /** The folder the program works in; created if it is missing. */
  readonly workspace: string;
  /** Written to the program's stdin, which then ends. */
  readonly stdin?: string;
  /** The environment the program runs in. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** The deadline in milliseconds. Default one hour. */
  readonly timeoutMs?: number;
  /**
   * What ends the program when it is cancelled or out of time: called at that moment, since what a CLI takes as the
   * request to stop can depend on how far it is. SIGKILL always follows. Default SIGINT, after 1 s SIGTERM, 0.3 s.
   */
  readonly endSteps?: () => readonly EndStep[];
  /** How long what the program leaves running may take to end after SIGTERM, in milliseconds. Default 300. */
  readonly terminateMs?: number;
  /** Cancels the run, also while it is being started. */
  readonly signal?: AbortSignal | undefined;
  /** Default: lines, by 0x0A only, of at most 32 MiB. */
  readonly parser?: OutputParser<T>;
  /** How far the program may run ahead of the reader of the output, in bytes, before it has to wait. Default 64 MiB. */
  readonly maxUnreadBytes?: number;
  /** Gets what the program writes to stderr, line by line, without escape sequences. */
  readonly onStderr?: ((line: string) => void) | undefined;
  /** Lines of stderr that say nothing about a failure. */
  readonly isNoise?: (line: string) => boolean;
}

/** How a run of a program ended. */
export interface CliEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it was ended from here; undefined if it was not. */
  readonly ending: Ending | undefined;
  /** The end of what it wrote to stderr, at most 16 Ki characters. */
  readonly stderr: string;
}

export type Ending = { readonly reason: "cancelled" } | { readonly reason: "timed_out"; readonly afterMs: number };

/** One run of a CLI. Once `result` has settled, no process of the run is alive. */
export interface CliRun<T> extends AsyncDisposable {
  readonly pid: number;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /**
   * What the program writes to stdout; read once. Read it to its end, or leave the loop, which drops the rest: a run whose
   * output nobody takes keeps it in memory, and in the end waits with its work undone.
   */
  readonly output: AsyncIterable<T>;
  /** How it ended. Never rejects. */
  readonly result: Promise<CliEnd>;
  /** Ends it early, with everything it started, and resolves when that is done. A run that is over stays as it ended. */
  cancel(): Promise<CliEnd>;
  /** Says that the program has probably started a command: a little later the run looks up its processes, and remembers them. */
  expectCommand(): void;
}

/**
 * Runs a program once. Whatever a killed owner left running in the same workspace is ended first: holding a lock on the
 * workspace is up to the caller.
 *
 * @throws CliTurnError if the program can't start; the signal's reason if it is aborted by then.
 */
export async function startCli<T = SplitLine>(options: StartCliOptions<T>): Promise<CliRun<T>> {
  const { program, args, env = process.env, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be a positive number of milliseconds, not ${timeoutMs}`);
  signal?.throwIfAborted();
  const workspace = await makeWorkspace(options.workspace);
  await endLeftovers(workspace);
  signal?.throwIfAborted();
  const spawned = await spawnMarked({ program, args, workspace, env });
  return new Run(spawned, { ...options, timeoutMs: Math.min(timeoutMs, MAX_TIMEOUT_MS) });
}

/**
 * Ends what an owner that was killed left running in a workspace.
 * @param workspace Its real path.
 */
export async function endLeftovers(workspace: string, grace: EndGrace = DEFAULT_GRACE): Promise<void> {
  await new ProcessFamily(scopeMarker(workspace)).end(grace);
}

const DEFAULT_STEPS: readonly EndStep[] = [
  { signal: "SIGINT", graceMs: DEFAULT_GRACE.interruptMs },
  { signal: "SIGTERM", graceMs: DEFAULT_GRACE.terminateMs },
];

const splitLines = () => new LineSplitter({ maxLineBytes: DEFAULT_MAX_LINE_BYTES });

class Run<T> implements CliRun<T> {
  readonly output: AsyncIterable<T>;
  readonly result: Promise<CliEnd>;
  readonly #spawned: MarkedProcess;
  readonly #options: StartCliOptions<T>;
  #ending: Ending | undefined;
  /** What the program has written since the reader of the output last took all there was. */
  #unreadBytes = 0;
  /** Whether the program may be made to wait for that reader. Once it is being ended, or is gone, nothing more is to wait. */
  #canWait = true;
  #looking: NodeJS.Timeout | undefined;

  constructor(spawned: MarkedProcess, options: StartCliOptions<T> & { readonly timeoutMs: number }) {
    this.#spawned = spawned;
    this.#options = options;
    const { child } = spawned;
    const { stdin = "", signal, timeoutMs } = options;
    const queue = new EventQueue<T>(() => {
      this.#unreadBytes = 0;
      child.stdout.resume();
    });
    this.output = queue;

    // The program may end before it has read its input; its exit code and stderr tell why.
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);

    const deadline = setTimeout(() => this.#end({ reason: "timed_out", afterMs: timeoutMs }), timeoutMs);
    const onAbort = () => this.#end({ reason: "cancelled" });
    signal?.addEventListener("abort", onAbort, { once: true });
    this.result = this.#run(queue).finally(() => {
      clearTimeout(deadline);
      clearTimeout(this.#looking);
      signal?.removeEventListener("abort", onAbort);
    });
    if (signal?.aborted) onAbort();
  }

  get pid(): number {
    return this.#spawned.child.pid as number;
  }

  get command(): readonly string[] {
    return this.#spawned.child.spawnargs;
  }

  cancel(): Promise<CliEnd> {
    this.#end({ reason: "cancelled" });
    return this.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }

  /** While the program is there to link a command to it: a process may clear its environment. */
  expectCommand(): void {
    this.#looking ??= setTimeout(() => {
      this.#looking = undefined;
      this.#spawned.family.look();
    }, LOOK_AFTER_MS).unref();
  }

  async #run(queue: EventQueue<T>): Promise<CliEnd> {
    const { child, family, release } = this.#spawned;
    const { terminateMs, maxUnreadBytes = DEFAULT_MAX_UNREAD_BYTES, onStderr, isNoise } = this.#options;
    // A signal that can't be sent is reported as an error of the child; what counts is whether it ends.
    child.on("error", () => {});
    const stderr = new StderrReader(child.stderr, onStderr, isNoise);
    const parser = this.#options.parser ?? (splitLines() as unknown as OutputParser<T>);
    const push = (values: readonly T[]) => {
      for (const value of values) queue.push(value);
    };
    child.stdout.on("data", (chunk: Buffer) => {
      push(parser.write(chunk));
      this.#unreadBytes += chunk.length;
      // Only with something to take: it is the taking that lets the program go on.
      if (this.#canWait && this.#unreadBytes >= maxUnreadBytes && !queue.isEmpty) child.stdout.pause();
    });
    // A pipe that breaks ends the output; the exit then tells how the run ended.
    child.stdout.on("error", () => {});
    const closed = Promise.all([closing(child.stdout), closing(child.stderr)]);

    const { exitCode, signal } = await exiting(child);
    const ending = this.#ending;
    await family.endRest(terminateMs);
    // What the program had written when it ended is at most what the pipe holds: read it to the end, however far behind the reader is.
    this.#readOn();
    await Promise.race([closed, delay(PIPE_GRACE_MS, undefined, { ref: false })]);
    child.stdout.destroy();
    child.stderr.destroy();
    push(parser.end());
    stderr.end();
    queue.end();
    release();
    return { exitCode, signal, ending, stderr: stderr.tail };
  }

  #readOn(): void {
    this.#canWait = false;
    this.#spawned.child.stdout.resume();
  }

  #end(ending: Ending): void {
    const { child, family } = this.#spawned;
    const isOver = child.exitCode !== null || child.signalCode !== null;
    if (this.#ending !== undefined || isOver) return;
    this.#ending = ending;
    // A program that waits to write can't end on a signal it is to handle.
    this.#readOn();
    // Remembered now: once the program is gone, nothing links a command that cleared its environment to the run.
    family.look();
    endProcess(child, this.#options.endSteps?.() ?? DEFAULT_STEPS);
  }
}

/** Not `once`, which also rejects on errors: those are no end. */
function exiting(child: MarkedProcess["child"]): Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => {
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
}

function closing(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    stream.once("close", resolve);
  });
}
