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

/** How long to wait for the pipes to close after the program and its family have ended. A process that could not be ended may hold them. */
const PIPE_GRACE_MS = 1000;

/** Delay between the start of a command and the lookup of its processes, in milliseconds: its shell needs time to start them. */
const LOOK_AFTER_MS = 250;

/** The longest delay that setTimeout accepts: 2^31 - 1 ms, about 24.8 days. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const DEFAULT_TIMEOUT_MS = 60 * 60 * 1000;
const DEFAULT_MAX_UNREAD_BYTES = 64 * 1024 * 1024;

/** Parses the bytes of stdout into values as they arrive. */
export interface OutputParser<T> {
  write(chunk: Uint8Array): readonly T[];
  /** Returns the values that the end of the output completes. */
  end(): readonly T[];
}

export interface StartCliOptions<T> {
  readonly program: Program;
  readonly args: readonly string[];
  /** The program's working directory. Created if missing. */
  readonly workspace: string;
  /** Text to write to the program's stdin, which is then closed. */
  readonly stdin?: string;
  /** The program's environment. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** The deadline in milliseconds. @default 3_600_000 */
  readonly timeoutMs?: number;
  /**
   * Returns the signals that end the program when it is canceled or times out. Called at that moment, because the right
   * signal can depend on the state of the CLI. A promise delays the first signal until it resolves, for a CLI that must not be
   * interrupted at some moments. SIGKILL always follows. Default: SIGINT, SIGTERM after 1 s, SIGKILL after another 0.3 s.
   */
  readonly endSteps?: () => readonly EndStep[] | Promise<readonly EndStep[]>;
  /** How long processes that the program leaves running have between SIGTERM and SIGKILL, in milliseconds. @default 300 */
  readonly terminateMs?: number;
  /** Cancels the run, also while it is being started. */
  readonly signal?: AbortSignal | undefined;
  /** Parses the output. Default: lines, split at 0x0A only, of at most 32 MiB. */
  readonly parser?: OutputParser<T>;
  /** How many unread bytes the program may write before it has to wait for the reader of `output`. @default 67_108_864 */
  readonly maxUnreadBytes?: number;
  /** Called with each line that the program writes to stderr, without escape sequences. */
  readonly onStderr?: ((line: string) => void) | undefined;
  /** Returns whether a line of stderr says nothing about a failure. Such lines are left out of `CliEnd.stderr`. */
  readonly isNoise?: (line: string) => boolean;
}

/** How a run of a program ended. */
export interface CliEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why this package ended it; undefined if it ended by itself. */
  readonly ending: Ending | undefined;
  /** The end of its stderr output, at most 16 Ki characters. */
  readonly stderr: string;
}

export type Ending = { readonly reason: "cancelled" } | { readonly reason: "timed_out"; readonly afterMs: number };

/** One run of a CLI. Once `result` has settled, no process of the run is alive. */
export interface CliRun<T> extends AsyncDisposable {
  readonly pid: number;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /**
   * What the program writes to stdout. Can be read once. Read it to the end, or leave the loop to drop the rest. Unread output
   * stays in memory, and the program blocks when too much of it is unread.
   */
  readonly output: AsyncIterable<T>;
  /** How the run ended. Never rejects. */
  readonly result: Promise<CliEnd>;
  /** Ends the program early with everything it started, and resolves when that is done. Does not change a run that has ended. */
  cancel(): Promise<CliEnd>;
  /** Call this when the program has probably started a command. The run looks up its processes a little later and remembers them. */
  expectCommand(): void;
}

/**
 * Runs a program once. First ends leftover processes of a killed owner in the same workspace. The caller must hold a lock on
 * the workspace, because a live run in it would be ended too.
 *
 * @throws CliTurnError if the program can't start; the signal's reason if it aborts during the start; RangeError if
 * `timeoutMs` is not positive.
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
 * Ends the leftover processes of a killed owner in a workspace.
 * @param workspace The workspace's real path.
 */
export async function endLeftovers(workspace: string, grace: EndGrace = DEFAULT_GRACE): Promise<void> {
  await new ProcessFamily(scopeMarker(workspace)).end(grace);
}

const DEFAULT_STEPS: readonly EndStep[] = [
  { signal: "SIGINT", graceMs: DEFAULT_GRACE.interruptMs },
  { signal: "SIGTERM", graceMs: DEFAULT_GRACE.terminateMs },
];

class Run<T> implements CliRun<T> {
  readonly output: AsyncIterable<T>;
  readonly result: Promise<CliEnd>;
  readonly #spawned: MarkedProcess;
  readonly #options: StartCliOptions<T>;
  #ending: Ending | undefined;
  /** Bytes that the program has written since the reader last emptied the queue. */
  #unreadBytes = 0;
  /** Whether the program may be blocked until the reader catches up. False once the program is being ended or has exited. */
  #canWait = true;
  #lookup: NodeJS.Timeout | undefined;

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

    // The program may exit before it has read its input. Its exit code and stderr show why.
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);

    const deadline = setTimeout(() => this.#end({ reason: "timed_out", afterMs: timeoutMs }), timeoutMs);
    const onAbort = () => this.#end({ reason: "cancelled" });
    signal?.addEventListener("abort", onAbort, { once: true });
    this.result = this.#run(queue).finally(() => {
      clearTimeout(deadline);
      clearTimeout(this.#lookup);
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

  /** Looks while the program is alive: only the parent identifies a command that cleared its environment. */
  expectCommand(): void {
    this.#lookup ??= setTimeout(() => {
      this.#lookup = undefined;
      void this.#spawned.family.findMembers();
    }, LOOK_AFTER_MS).unref();
  }

  async #run(queue: EventQueue<T>): Promise<CliEnd> {
    const { child, family, release } = this.#spawned;
    const { terminateMs, maxUnreadBytes = DEFAULT_MAX_UNREAD_BYTES, onStderr, isNoise } = this.#options;
    // A signal that can't be sent causes an `error` event. Only the exit matters here.
    child.on("error", () => {});
    const stderr = new StderrReader(child.stderr, onStderr, isNoise);
    const parser = this.#options.parser ?? (new LineSplitter() as unknown as OutputParser<T>);
    const push = (values: readonly T[]) => {
      for (const value of values) queue.push(value);
    };
    child.stdout.on("data", (chunk: Buffer) => {
      push(parser.write(chunk));
      this.#unreadBytes += chunk.length;
      // Only if values are queued: reading them is what resumes the program.
      if (this.#canWait && this.#unreadBytes >= maxUnreadBytes && !queue.isEmpty) child.stdout.pause();
    });
    // A broken pipe ends the output. The exit code shows how the run ended.
    child.stdout.on("error", () => {});
    const closed = Promise.all([closing(child.stdout), closing(child.stderr)]);

    const { exitCode, signal } = await exiting(child);
    const ending = this.#ending;
    await family.endRest(terminateMs);
    // Read the rest of the output however far behind the reader is: it is at most the content of the pipe.
    this.#stopBlocking();
    await Promise.race([closed, delay(PIPE_GRACE_MS, undefined, { ref: false })]);
    child.stdout.destroy();
    child.stderr.destroy();
    push(parser.end());
    stderr.end();
    queue.end();
    release();
    return { exitCode, signal, ending, stderr: stderr.tail };
  }

  #stopBlocking(): void {
    this.#canWait = false;
    this.#spawned.child.stdout.resume();
  }

  #end(ending: Ending): void {
    const { child, family } = this.#spawned;
    const isOver = child.exitCode !== null || child.signalCode !== null;
    if (this.#ending !== undefined || isOver) return;
    this.#ending = ending;
    // A program that is blocked in a write can't handle a signal.
    this.#stopBlocking();
    // Look up the processes first: once the program has ended, nothing links a command that cleared its environment to the run.
    void family.findMembers().then(async () => endProcess(child, (await this.#options.endSteps?.()) ?? DEFAULT_STEPS));
  }
}

/** Resolves when the process exits. Not `once` of node:events, which rejects on an `error` event: that is not an exit. */
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
