import { execFile } from "node:child_process";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { createEventParser, type ParsedEvent } from "@plexum/codex-jsonl";
import { EventQueue } from "./event-queue.ts";
import type { EndGrace, ProcessFamily } from "./process-family.ts";
import type { CodexProcess } from "./spawn-codex.ts";
import { StderrReader } from "./stderr-reader.ts";
import type { Turn, TurnResult } from "./turn.ts";
import { type Ending, TurnRecord } from "./turn-record.ts";

/** How long the pipes may stay open after codex and its family are gone, held by a process that could not be ended. */
const PIPE_GRACE_MS = 1000;

/** How long after a command's start its processes are looked up, in milliseconds: by then its shell has started them. */
const LOOK_AFTER_MS = 250;

export interface ExecTurnOptions {
  readonly child: CodexProcess;
  readonly family: ProcessFamily;
  readonly prompt: string;
  readonly grace: EndGrace;
  readonly timeoutMs: number;
  readonly maxLineBytes: number | undefined;
  readonly maxUnreadBytes: number;
  readonly signal: AbortSignal | undefined;
  readonly onStderr: ((line: string) => void) | undefined;
  /** Lets go of what the turn holds beside its processes. */
  readonly release: () => Promise<void>;
}

/** A turn run by one `codex exec`. */
export class ExecTurn implements Turn {
  readonly events: AsyncIterable<ParsedEvent>;
  readonly result: Promise<TurnResult>;
  readonly #options: ExecTurnOptions;
  readonly #record = new TurnRecord();
  #ending: Ending | undefined;
  /** What codex has written since the reader of the events last took them. */
  #unreadBytes = 0;
  /** Whether codex may be made to wait for that reader. From when it is ended, or gone, nothing more is to wait. */
  #canWait = true;
  #looking: NodeJS.Timeout | undefined;

  constructor(options: ExecTurnOptions) {
    this.#options = options;
    const { child, prompt, signal, timeoutMs } = options;
    const queue = new EventQueue<ParsedEvent>(() => {
      this.#unreadBytes = 0;
      child.stdout.resume();
    });
    this.events = queue;

    // codex may end before it has read the prompt; its exit code and stderr tell why.
    child.stdin.on("error", () => {});
    child.stdin.end(prompt);

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

  cancel(): Promise<TurnResult> {
    this.#end({ reason: "cancelled" });
    return this.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }

  async #run(queue: EventQueue<ParsedEvent>): Promise<TurnResult> {
    const { child, family, grace, maxUnreadBytes, onStderr, release } = this.#options;
    // A signal that can't be sent is told as an error of the child; what counts is whether it ends.
    child.on("error", () => {});
    const stderr = new StderrReader(child.stderr, onStderr);
    const parser = this.#parser(queue);
    child.stdout.on("data", (chunk: Buffer) => {
      parser.feed(chunk);
      this.#unreadBytes += chunk.length;
      // Only with something to take: it is the taking that lets codex go on.
      if (this.#canWait && this.#unreadBytes >= maxUnreadBytes && !queue.isEmpty) child.stdout.pause();
    });
    // A pipe that breaks ends the output; how the turn ended is then told by the exit.
    child.stdout.on("error", () => {});
    const closed = Promise.all([closing(child.stdout), closing(child.stderr)]);

    const { exitCode, signal } = await exiting(child);
    const ending = this.#ending;
    await family.endRest(grace.terminateMs);
    // What codex had written when it ended is at most what the pipe holds: read to the end, however far behind the reader is.
    this.#readOn();
    await Promise.race([closed, delay(PIPE_GRACE_MS, undefined, { ref: false })]);
    child.stdout.destroy();
    child.stderr.destroy();
    parser.end();
    stderr.end();
    queue.end();
    await release();
    return this.#record.result({ exitCode, signal, ending, stderr: stderr.tail });
  }

  #parser(queue: EventQueue<ParsedEvent>) {
    const { maxLineBytes } = this.#options;
    const take = (event: ParsedEvent) => {
      this.#record.note(event);
      if (event.type === "item.started") this.#lookSoon();
      queue.push(event);
    };
    const handlers = { onEvent: take, onUnknown: take, onMalformed: take, onOversized: take };
    return createEventParser(handlers, maxLineBytes === undefined ? {} : { maxLineBytes });
  }

  /** Gets to know what a command starts while codex is there to link it to: a process may clear its environment. */
  #lookSoon(): void {
    this.#looking ??= setTimeout(() => {
      this.#looking = undefined;
      this.#options.family.look();
    }, LOOK_AFTER_MS).unref();
  }

  #readOn(): void {
    this.#canWait = false;
    this.#options.child.stdout.resume();
  }

  #end(ending: Ending): void {
    const { child, family, grace } = this.#options;
    const isOver = child.exitCode !== null || child.signalCode !== null;
    if (this.#ending !== undefined || isOver) return;
    this.#ending = ending;
    // A codex that waits to write can't end on a signal it is to handle.
    this.#readOn();
    // Remembered now: once codex is gone, nothing links a command that cleared its environment to the turn.
    family.look();
    if (process.platform === "win32") {
      execFile("taskkill", ["/pid", String(child.pid), "/T", "/F"], () => {});
      return;
    }
    // On SIGINT codex stops its commands and writes down that the turn was aborted; SIGTERM and SIGKILL leave the
    // commands running (seen in 0.169.0).
    child.kill("SIGINT");
    const terminate = setTimeout(() => child.kill("SIGTERM"), grace.interruptMs);
    const kill = setTimeout(() => child.kill("SIGKILL"), grace.interruptMs + grace.terminateMs);
    child.once("exit", () => {
      clearTimeout(terminate);
      clearTimeout(kill);
    });
  }
}

/** Not `once`, which also rejects on errors: those are no end. */
function exiting(child: CodexProcess): Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => {
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
}

function closing(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    stream.once("close", resolve);
  });
}
