import { setTimeout as delay } from "node:timers/promises";
import { type EndGrace, EventQueue } from "@plexum/cli-turn";
import type { OversizedLine } from "@plexum/codex-jsonl";
import {
  CodexTurnError,
  classifyFailure,
  ownProviderWarning,
  type Turn,
  type TurnEvent,
  type TurnResult,
  timedOutError,
} from "@plexum/codex-turn";
import { JsonRpcError, RpcError } from "@plexum/json-rpc";
import type { ServerExit, ThreadListener } from "./app-server.ts";
import { interruptTurn } from "./interrupt-turn.ts";
import { loadThread, type ThreadOptions } from "./load-thread.ts";
import { MAX_TIMER_MS } from "./max-timer.ts";
import type { Lease } from "./server-pool.ts";
import { SilenceWatch } from "./silence-watch.ts";
import { crashed, interruptedElsewhere, stalled, unanswered } from "./turn-errors.ts";
import { TurnRecord } from "./turn-record.ts";
import { unloadThread } from "./unload-thread.ts";
import {
  endsTurnOf,
  type LoadedThread,
  METHODS,
  mayStartProcesses,
  type Notification,
  oversizedEvent,
  readNotification,
  readStartedTurn,
  startTurnParams,
  type TurnParams,
  threadOf,
  unloadsThreads,
} from "./wire.ts";

/** How long a kept process may take to answer before it is replaced, in milliseconds: it takes 1 to 5. */
const KEPT_ANSWER_MS = 3000;

/** How long codex may take to exit after its stdout has ended, in milliseconds. */
const EXIT_MS = 3000;

/** Errors about a thread that may come from the state of a kept process. */
const RECONSIDERED: ReadonlySet<string> = new Set(["thread_unreadable", "thread_busy"]);

/** What a turn needs before codex is asked for anything: a process, its input and its limits. */
export interface PreparedTurn {
  readonly lease: Lease;
  /** Gets a new process if the first one is gone before it was asked to run anything. */
  readonly renew: () => Promise<Lease>;
  readonly thread: ThreadOptions;
  readonly turn: TurnParams;
  readonly timeoutMs: number;
  readonly stallMs: number;
  readonly grace: EndGrace;
  readonly signal: AbortSignal | undefined;
  readonly maxUnreadBytes: number;
  readonly onWarning: (message: string) => void;
  /** Releases what the turn holds besides its process. */
  readonly release: () => Promise<void>;
}

type Ending = { readonly reason: "cancelled" } | { readonly reason: "timed_out"; readonly afterMs: number };

/** How the turn ended, according to codex. */
type Outcome =
  | { readonly kind: "completed" | "interrupted" }
  | { readonly kind: "failed"; readonly error: CodexTurnError };

/** A turn on an app-server. */
export class AppServerTurn implements Turn {
  readonly events: AsyncIterable<TurnEvent>;
  readonly result: Promise<TurnResult>;
  readonly #options: PreparedTurn;
  readonly #record: TurnRecord;
  readonly #queue: EventQueue<TurnEvent>;
  /** Aborts the requests to codex before the turn runs. */
  readonly #start = new AbortController();
  readonly #over = Promise.withResolvers<Outcome>();
  readonly #closed = Promise.withResolvers<void>();
  /** The id of the running turn, from codex's notification, which may arrive before or without the answer. */
  readonly #started = Promise.withResolvers<string>();
  #lease: Lease;
  #thread: LoadedThread | undefined;
  #turnId: string | undefined;
  /** Whether codex was asked to run the turn, and so may run it. */
  #isAsked = false;
  #isOver = false;
  #ending: Ending | undefined;
  #unreadBytes = 0;
  #canWait = true;
  #isPaused = false;
  /** Whether the process has answered anything in this turn. */
  #hasAnswered = false;
  /** Whether the process may be in an unexpected state. */
  #isDoubtful = false;
  #watch: SilenceWatch | undefined;

  constructor(options: PreparedTurn) {
    this.#options = options;
    this.#lease = options.lease;
    const { signal, timeoutMs } = options;
    this.#queue = new EventQueue<TurnEvent>(() => {
      this.#unreadBytes = 0;
      this.#pause(false);
    });
    this.#record = new TurnRecord((event) => this.#queue.push(event));
    this.events = this.#queue;
    const deadline = setTimeout(
      () => this.#end({ reason: "timed_out", afterMs: timeoutMs }),
      Math.min(timeoutMs, MAX_TIMER_MS),
    );
    const onAbort = () => this.#end({ reason: "cancelled" });
    signal?.addEventListener("abort", onAbort, { once: true });
    this.result = this.#run().finally(() => {
      clearTimeout(deadline);
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

  async #run(): Promise<TurnResult> {
    let outcome: Outcome;
    try {
      await this.#begin();
      outcome = await this.#over.promise;
    } catch (error) {
      const isGone = JsonRpcError.isInstance(error) && error.code === "closed";
      // The exit says more than the missing answer.
      const exit = isGone
        ? await Promise.race([this.#over.promise, delay(EXIT_MS, undefined, { ref: false })])
        : undefined;
      outcome = exit ?? { kind: "failed", error: this.#failureOf(error) };
    }
    this.#isOver = true;
    this.#watch?.stop();
    // Don't pause from here on: little output is left, and the next requests need their answers.
    this.#canWait = false;
    this.#pause(false);
    const isClean = await this.#unload(outcome);
    await this.#lease.release({ isClean });
    this.#record.settle();
    const result = this.#resultOf(outcome);
    if (result.status === "completed") this.#queue.push({ type: "turn.completed", usage: result.threadUsage });
    if (result.status === "failed") this.#queue.push({ type: "turn.failed", error: { message: result.error.message } });
    this.#queue.end();
    await this.#options.release();
    return result;
  }

  // --- Starting ---

  async #begin(): Promise<void> {
    try {
      this.#thread = await this.#load();
    } catch (error) {
      // A kept process may have exited or hung unnoticed. So far it was only asked to load the thread.
      const isGone = JsonRpcError.isInstance(error) && (error.code === "closed" || !this.#hasAnswered);
      // A process that could not write the thread's last lines, on a full disk, refuses to load the thread again (0.169.0). Try
      // a new process before giving up on the thread.
      const isRefused = CodexTurnError.isInstance(error) && RECONSIDERED.has(error.code);
      if (!(isGone || isRefused) || !this.#lease.isKept || this.#ending !== undefined) throw error;
      // The end of the old process is not the end of this turn.
      this.#lease.server.setListener(undefined);
      await this.#lease.release({ isClean: false });
      this.#lease = await this.#options.renew();
      this.#thread = await this.#load();
    }
    const { id } = this.#thread;
    this.#record.threadIs(id);
    this.#start.signal.throwIfAborted();
    this.#isAsked = true;
    const server = this.#lease.server;
    const asked = server.request(METHODS.startTurn, startTurnParams(id, this.#options.turn));
    // codex executes some requests without answering them.
    this.#turnId = await Promise.race([
      asked.then(readStartedTurn),
      this.#started.promise,
      this.#over.promise.then(() => undefined),
    ]);
    if (this.#isOver || this.#turnId === undefined) return;
    this.#watch = this.#watchSilence(this.#thread, this.#turnId);
  }

  /** Loads the thread into the turn's process. */
  async #load(): Promise<LoadedThread> {
    const { server, isKept } = this.#lease;
    server.setListener(this.#listener());
    // A required MCP server may take minutes to start, so loading may take as long as a turn may be silent.
    const answerMs = Math.min(this.#options.stallMs, MAX_TIMER_MS);
    return loadThread(server, this.#options.thread, {
      signal: this.#start.signal,
      answerMs,
      firstAnswerMs: isKept ? Math.min(answerMs, KEPT_ANSWER_MS) : answerMs,
      onFirstAnswer: () => {
        this.#hasAnswered = true;
      },
      onOtherProvider: (provider) => this.#options.onWarning(ownProviderWarning(provider)),
    });
  }

  // --- Running ---

  #watchSilence({ id, path }: LoadedThread, turnId: string): SilenceWatch {
    return new SilenceWatch({
      path,
      turnId,
      stallMs: this.#options.stallMs,
      isWorking: () => this.#record.isWorking,
      isPaused: () => this.#isPaused,
      ask: () =>
        this.#lease.server.request(METHODS.readThread, { threadId: id, includeTurns: false }, { timeoutMs: 10_000 }),
      onRecordedEnd: ({ status, lastMessage }) => {
        this.#record.missedMessage(lastMessage);
        this.#isDoubtful = true;
        // codex records a failed turn as complete too.
        if (status === "completed" && this.#record.hasFailed)
          this.#over.resolve({ kind: "failed", error: this.#record.failure(undefined) });
        else this.#over.resolve({ kind: status });
      },
      onStall: (detail) => {
        this.#isDoubtful = true;
        this.#over.resolve({ kind: "failed", error: stalled(this.#options.stallMs, detail) });
      },
    });
  }

  #listener(): ThreadListener {
    return {
      onNotification: (method, params, bytes) => {
        this.#watch?.heard();
        const threadId = threadOf(params);
        // A sub-agent's thread: it shows that the turn is working, but its events are not reported.
        if (this.#thread !== undefined && threadId !== this.#thread.id) return;
        if (this.#options.thread.id !== undefined && threadId !== this.#options.thread.id) return;
        this.#unreadBytes += bytes;
        this.#take(readNotification(method, params), method);
        const mustWait = this.#canWait && this.#unreadBytes >= this.#options.maxUnreadBytes && !this.#queue.isEmpty;
        if (mustWait) this.#pause(true);
      },
      onOversized: (head, length) => {
        this.#watch?.heard();
        this.#takeOversized(oversizedEvent(head, length));
      },
      onDeclined: (method) =>
        this.#options.onWarning(
          `codex asked for ${method}: the request was declined, because there is no user to grant it`,
        ),
      onExit: (exit) => this.#exited(exit),
    };
  }

  #exited(exit: ServerExit): void {
    this.#closed.resolve();
    this.#over.resolve({ kind: "failed", error: crashed(exit, this.#lease.server.stderrTail) });
  }

  #pause(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return;
    this.#isPaused = isPaused;
    this.#lease.server.pause(isPaused);
  }

  #take(notification: Notification, method: string): void {
    this.#record.take(notification, method);
    if (notification.kind === "thread-closed") this.#closed.resolve();
    if (notification.kind === "turn-started" && this.#isAsked && notification.turnId !== undefined)
      this.#started.resolve(notification.turnId);
    // Look while the process still links the command to the turn: a command may clear its environment.
    if (notification.kind === "item-started" && mayStartProcesses(notification.itemType))
      this.#lease.server.expectCommand();
    if (notification.kind !== "turn-completed" || !this.#isAsked) return;
    const { status, error } = notification;
    if (status === "completed" || status === "interrupted") this.#over.resolve({ kind: status });
    else this.#over.resolve({ kind: "failed", error: this.#record.failure(error) });
  }

  /** Handles a notification that is too long to be read: its beginning says what it is. The end of a turn repeats its messages (0.169.0). */
  #takeOversized(line: OversizedLine): void {
    this.#record.oversized(line);
    const isOver = this.#isAsked && this.#thread !== undefined && endsTurnOf(this.#thread.id, line);
    if (!isOver) return;
    this.#over.resolve(
      this.#record.hasFailed ? { kind: "failed", error: this.#record.failure(undefined) } : { kind: "completed" },
    );
  }

  // --- Ending ---

  #end(ending: Ending): void {
    if (this.#ending !== undefined || this.#isOver) return;
    this.#ending = ending;
    this.#canWait = false;
    const { server } = this.#lease;
    this.#pause(false);
    if (!this.#isAsked) {
      this.#start.abort(new Error("the turn was ended before it started"));
      return;
    }
    void interruptTurn(server, {
      ids: () => {
        const [threadId, turnId] = [this.#thread?.id, this.#turnId];
        return threadId === undefined || turnId === undefined ? undefined : { threadId, turnId };
      },
      isOver: () => this.#isOver,
      over: this.#over.promise,
      graceMs: this.#options.grace.interruptMs,
    });
  }

  /** Unloads the thread. Returns true if the process is in a known state and can be kept. */
  async #unload(outcome: Outcome): Promise<boolean> {
    const { server } = this.#lease;
    const isUnauthorized = outcome.kind === "failed" && outcome.error.code === "not_signed_in";
    const isSettled = this.#thread !== undefined && this.#isAsked && !this.#isDoubtful && !this.#record.hasOtherThreads;
    // A running codex does not notice a new sign-in.
    if (!server.isAlive || !isSettled || isUnauthorized) return false;
    if (!unloadsThreads(server.version)) return true;
    const { id } = this.#thread as LoadedThread;
    if (!(await unloadThread(server, id, this.#closed.promise))) return false;
    server.setListener(undefined);
    if (this.#record.mayHaveLeftProcesses || this.#ending !== undefined) await server.endLeftovers();
    return server.isAlive;
  }

  #resultOf(outcome: Outcome): TurnResult {
    const base = { threadId: this.#thread?.id, lastMessage: this.#record.lastMessage };
    if (outcome.kind === "completed") return { ...base, status: "completed", threadUsage: this.#record.threadUsage };
    const ending = this.#ending;
    if (ending?.reason === "cancelled") return { ...base, status: "cancelled" };
    if (ending?.reason === "timed_out") return { ...base, status: "failed", error: timedOutError(ending.afterMs) };
    return { ...base, status: "failed", error: outcome.kind === "failed" ? outcome.error : interruptedElsewhere() };
  }

  #failureOf(error: unknown): CodexTurnError {
    if (CodexTurnError.isInstance(error)) return error;
    if (RpcError.isInstance(error)) return classifyFailure(error.message, { hasStarted: this.#isAsked });
    this.#isDoubtful = true;
    if (JsonRpcError.isInstance(error) && error.code === "timed_out") return unanswered(error);
    return new CodexTurnError("crashed", `codex app-server did not answer: ${(error as Error).message}.`, {
      cause: error,
      detail: this.#lease.server.stderrTail,
    });
  }
}
