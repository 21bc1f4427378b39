import { setTimeout as delay } from "node:timers/promises";
import { type EndGrace, EventQueue } from "@plexum/cli-turn";
import type { OversizedLine } from "@plexum/codex-jsonl";
import {
  CodexTurnError,
  classifyFailure,
  classifyResumeFailure,
  type SandboxMode,
  type Turn,
  type TurnEvent,
  type TurnResult,
} from "@plexum/codex-turn";
import { JsonRpcError, RpcError } from "@plexum/json-rpc";
import type { AppServer, ServerExit, ThreadListener } from "./app-server.ts";
import type { Lease } from "./server-pool.ts";
import { SilenceWatch } from "./silence-watch.ts";
import { TurnLog } from "./turn-log.ts";
import {
  effortConfig,
  endsTurnOf,
  type LoadedThread,
  METHODS,
  mayStartProcesses,
  type Notification,
  oversizedEvent,
  readConfig,
  readConfigParams,
  readDefaultModel,
  readLoadedThread,
  readNotification,
  readStartedTurn,
  resumeThreadParams,
  startThreadParams,
  startTurnParams,
  type ThreadParams,
  type TurnParams,
  threadOf,
  unloadsThreads,
  untrusted,
} from "./wire.ts";

/** How long codex may take to unload a thread, in milliseconds: it takes 2 to 10. */
const UNLOAD_TIMEOUT_MS = 2000;

/** setTimeout takes no more (about 24.8 days). */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How long a kept process may take to answer before another one takes its place, in milliseconds: it takes 1 to 5. */
const KEPT_ANSWER_MS = 3000;

/** How long codex may take to exit after its stdout has ended, in milliseconds. */
const EXIT_MS = 3000;

/** How often an interrupt is asked for again that came before the turn had started, in milliseconds. */
const INTERRUPT_AGAIN_MS = 5;

/** What a kept process may say of a thread because of its own state. */
const RECONSIDERED: ReadonlySet<string> = new Set(["thread_unreadable", "thread_busy"]);

interface ThreadWish {
  /** Undefined: a new one. */
  readonly id: string | undefined;
  readonly cwd: string;
  readonly model: string | undefined;
  readonly effort: string | undefined;
  readonly sandbox: SandboxMode;
  readonly approvalPolicy: string;
  readonly writableRoots: readonly string[];
  readonly isEphemeral: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface AppServerTurnInternals {
  readonly lease: Lease;
  /** Gets another process, where the first one turned out to be gone before it was asked for anything. */
  readonly renew: () => Promise<Lease>;
  readonly thread: ThreadWish;
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

/** How the turn came to its end, as far as codex has a say in it. */
type Outcome =
  | { readonly kind: "completed" | "interrupted" }
  | { readonly kind: "failed"; readonly error: CodexTurnError };

/** A turn on an app-server. */
export class AppServerTurn implements Turn {
  readonly events: AsyncIterable<TurnEvent>;
  readonly result: Promise<TurnResult>;
  readonly #options: AppServerTurnInternals;
  readonly #log: TurnLog;
  readonly #queue: EventQueue<TurnEvent>;
  /** Aborts what is asked of codex before the turn runs. */
  readonly #start = new AbortController();
  readonly #over = Promise.withResolvers<Outcome>();
  readonly #closed = Promise.withResolvers<void>();
  /** The id of the running turn, by whichever tells it first: codex's answer, or its notification. */
  readonly #started = Promise.withResolvers<string>();
  #lease: Lease;
  #thread: LoadedThread | undefined;
  #turnId: string | undefined;
  /** Whether codex may run the turn: it was asked to. */
  #isAsked = false;
  #isOver = false;
  #ending: Ending | undefined;
  #unreadBytes = 0;
  #canWait = true;
  #isPaused = false;
  /** Whether the process has answered anything in this turn. */
  #hasAnswered = false;
  /** Whether the process may be in another state than it should be. */
  #isDoubtful = false;
  #watch: SilenceWatch | undefined;

  constructor(options: AppServerTurnInternals) {
    this.#options = options;
    this.#lease = options.lease;
    const { signal, timeoutMs } = options;
    this.#queue = new EventQueue<TurnEvent>(() => {
      this.#unreadBytes = 0;
      this.#pause(false);
    });
    this.#log = new TurnLog((event) => this.#queue.push(event));
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
      // How it ended says more than that it does not answer.
      const exit = isGone
        ? await Promise.race([this.#over.promise, delay(EXIT_MS, undefined, { ref: false })])
        : undefined;
      outcome = exit ?? { kind: "failed", error: this.#failureOf(error) };
    }
    this.#isOver = true;
    this.#watch?.stop();
    // What codex still says is few, and its answers are waited for.
    this.#canWait = false;
    this.#pause(false);
    const isClean = await this.#unload(outcome);
    await this.#lease.release({ isClean });
    this.#log.settle();
    const result = this.#resultOf(outcome);
    if (result.status === "completed") this.#queue.push({ type: "turn.completed", usage: result.threadUsage });
    if (result.status === "failed") this.#queue.push({ type: "turn.failed", error: { message: result.error.message } });
    this.#queue.end();
    await this.#options.release();
    return result;
  }

  // --- To the running turn ---

  async #begin(): Promise<void> {
    try {
      this.#thread = await this.#load();
    } catch (error) {
      // A kept process can have ended, or got stuck, without anybody noticing. It was asked for nothing but to load the thread.
      const isGone = JsonRpcError.isInstance(error) && (error.code === "closed" || !this.#hasAnswered);
      // One that could not write the thread's last lines, on a full disk, refuses to load it again (0.169.0): a thread is not given
      // up before a process without a past has tried.
      const isRefused = CodexTurnError.isInstance(error) && RECONSIDERED.has(error.code);
      if (!(isGone || isRefused) || !this.#lease.isKept || this.#ending !== undefined) throw error;
      // Its end is not this turn's.
      this.#lease.server.setListener(undefined);
      await this.#lease.release({ isClean: false });
      this.#lease = await this.#options.renew();
      this.#thread = await this.#load();
    }
    const { id, path } = this.#thread;
    this.#log.threadIs(id);
    this.#start.signal.throwIfAborted();
    this.#isAsked = true;
    const server = this.#lease.server;
    const asked = server.request(METHODS.startTurn, startTurnParams(id, this.#options.turn));
    // codex leaves some requests unanswered and does what they ask for.
    this.#turnId = await Promise.race([
      asked.then(readStartedTurn),
      this.#started.promise,
      this.#over.promise.then(() => undefined),
    ]);
    if (this.#isOver || this.#turnId === undefined) return;
    this.#watch = new SilenceWatch({
      path,
      turnId: this.#turnId,
      stallMs: this.#options.stallMs,
      isWorking: () => this.#log.isWorking,
      isPaused: () => this.#isPaused,
      ask: () => server.request(METHODS.readThread, { threadId: id, includeTurns: false }, { timeoutMs: 10_000 }),
      onRecordedEnd: ({ status, lastMessage }) => {
        this.#log.missedMessage(lastMessage);
        this.#isDoubtful = true;
        // A turn that failed is recorded as complete too.
        if (status === "completed" && this.#log.hasFailed)
          this.#over.resolve({ kind: "failed", error: this.#log.failure(undefined) });
        else this.#over.resolve({ kind: status });
      },
      onStall: (detail) => {
        this.#isDoubtful = true;
        this.#over.resolve({ kind: "failed", error: stalled(this.#options.stallMs, detail) });
      },
    });
  }

  async #load(): Promise<LoadedThread> {
    const { server } = this.#lease;
    const { thread } = this.#options;
    server.setListener(this.#listener());
    // A required MCP server may take minutes to start: loading is given as long as silence is.
    const { signal } = this.#start;
    const limitMs = Math.min(this.#options.stallMs, MAX_TIMER_MS);
    const ask = (method: string, params: object, timeoutMs = limitMs) =>
      server.request(method, params, { signal, timeoutMs });

    const answerMs = this.#lease.isKept ? Math.min(limitMs, KEPT_ANSWER_MS) : limitMs;
    const config = readConfig(await ask(METHODS.readConfig, readConfigParams(thread.cwd), answerMs));
    this.#hasAnswered = true;
    const model = thread.model ?? config.model ?? readDefaultModel(await ask(METHODS.listModels, {}));
    // A decision about a folder that this one merely stands in does not count, save that of a repository.
    const isDecided = config.loadsProject || config.decidedFolders.includes(thread.cwd);
    const params: ThreadParams = {
      ...thread,
      model,
      config: {
        ...(isDecided ? {} : untrusted(thread.cwd)),
        ...(thread.effort === undefined ? {} : effortConfig(thread.effort)),
        ...thread.config,
      },
    };
    const loaded =
      thread.id === undefined
        ? await ask(METHODS.startThread, startThreadParams(params, server.version))
        : await this.#resume(ask, resumeThreadParams(thread.id, params));
    const { id, path } = readLoadedThread(loaded);
    // 0.135.0 loads a file under the id that stands in it, whatever its name says.
    if (thread.id !== undefined && id !== thread.id.toLowerCase())
      throw classifyResumeFailure(`the session file ${path ?? ""} belongs to thread ${id}, not ${thread.id}`);
    return { id, path };
  }

  async #resume(ask: (method: string, params: object) => Promise<unknown>, params: object): Promise<unknown> {
    for (let tries = 0; ; tries++) {
      try {
        return await ask(METHODS.resumeThread, params);
      } catch (error) {
        // It was unloaded a moment ago, and that is not quite done.
        if (!RpcError.isInstance(error)) throw error;
        if (!/is closing/.test(error.message)) throw classifyResumeFailure(error.message);
        if (tries === 200) throw error;
        await delay(INTERRUPT_AGAIN_MS);
      }
    }
  }

  // --- While it runs ---

  #listener(): ThreadListener {
    return {
      onNotification: (method, params, bytes) => {
        this.#watch?.heard();
        const threadId = threadOf(params);
        // Of a thread that this one started: it is at work, and its events are its own.
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
        this.#options.onWarning(`codex asked for ${method}, which nobody here can grant: it was declined`),
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
    this.#log.take(notification, method);
    if (notification.kind === "thread-closed") this.#closed.resolve();
    if (notification.kind === "turn-started" && this.#isAsked && notification.turnId !== undefined)
      this.#started.resolve(notification.turnId);
    // While the process is there to link a command to it: a command may clear its environment.
    if (notification.kind === "item-started" && mayStartProcesses(notification.itemType))
      this.#lease.server.expectCommand();
    if (notification.kind !== "turn-completed" || !this.#isAsked) return;
    const { status, error } = notification;
    if (status === "completed" || status === "interrupted") this.#over.resolve({ kind: status });
    else this.#over.resolve({ kind: "failed", error: this.#log.failure(error) });
  }

  /** A notification that is too long to be read still says what it is. The end of a turn repeats its messages (0.169.0). */
  #takeOversized(line: OversizedLine): void {
    this.#log.oversized(line);
    const isOver = this.#isAsked && this.#thread !== undefined && endsTurnOf(this.#thread.id, line);
    if (!isOver) return;
    this.#over.resolve(
      this.#log.hasFailed ? { kind: "failed", error: this.#log.failure(undefined) } : { kind: "completed" },
    );
  }

  // --- The end ---

  #end(ending: Ending): void {
    if (this.#ending !== undefined || this.#isOver) return;
    this.#ending = ending;
    this.#canWait = false;
    const { server } = this.#lease;
    this.#pause(false);
    // Remembered now: once codex is gone, nothing links a command that cleared its environment to the turn.
    server.look();
    if (this.#isAsked) void this.#interrupt(server);
    else this.#start.abort(new Error("the turn was ended before it ran"));
  }

  /** codex refuses to interrupt a turn that it has not yet started, and then runs it: it is asked until it does. */
  async #interrupt(server: AppServer): Promise<void> {
    const giveUp = delay(this.#options.grace.interruptMs, "too late", { ref: false });
    let isTooLate = false;
    void giveUp.then(() => {
      isTooLate = true;
    });
    while (!isTooLate && !this.#isOver) {
      const [threadId, turnId] = [this.#thread?.id, this.#turnId];
      if (threadId !== undefined && turnId !== undefined) {
        const asked = server.request(METHODS.interrupt, { threadId, turnId }).then(
          () => true,
          () => false,
        );
        if ((await Promise.race([asked, giveUp])) === true) break;
      }
      await delay(INTERRUPT_AGAIN_MS);
    }
    const settled = await Promise.race([this.#over.promise.then(() => "over"), giveUp]);
    // Whatever it is busy with: the process is ended, and all that it started.
    if (settled === "too late" && !this.#isOver) await server.end({ isHasty: true });
  }

  /** Unloads the thread. True if nothing is in doubt about the process. */
  async #unload(outcome: Outcome): Promise<boolean> {
    const { server } = this.#lease;
    const isUnauthorized = outcome.kind === "failed" && outcome.error.code === "not_signed_in";
    const isSettled = this.#thread !== undefined && this.#isAsked && !this.#isDoubtful && !this.#log.hasOtherThreads;
    // codex never notices that somebody signed in again.
    if (!server.isAlive || !isSettled || isUnauthorized) return false;
    if (!unloadsThreads(server.version)) return true;
    try {
      const threadId = (this.#thread as LoadedThread).id;
      await server.request(METHODS.unsubscribe, { threadId }, { timeoutMs: UNLOAD_TIMEOUT_MS });
      const late = delay(UNLOAD_TIMEOUT_MS, "late" as const, { ref: false });
      if ((await Promise.race([this.#closed.promise, late])) === "late") return false;
    } catch {
      return false;
    }
    server.setListener(undefined);
    if (this.#log.mayHaveLeftProcesses || this.#ending !== undefined) await server.endLeftovers();
    return server.isAlive;
  }

  #resultOf(outcome: Outcome): TurnResult {
    const base = { threadId: this.#thread?.id, lastMessage: this.#log.lastMessage };
    if (outcome.kind === "completed") return { ...base, status: "completed", threadUsage: this.#log.threadUsage };
    const ending = this.#ending;
    if (ending?.reason === "cancelled") return { ...base, status: "cancelled" };
    if (ending?.reason === "timed_out") return { ...base, status: "failed", error: timedOut(ending.afterMs) };
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

const timedOut = (afterMs: number) =>
  new CodexTurnError(
    "timed_out",
    `The turn was ended after ${afterMs} ms, its time limit: give it more time, or a smaller task.`,
  );

const stalled = (stallMs: number, detail: string) =>
  new CodexTurnError(
    "stalled",
    `Nothing happened in the turn for ${stallMs} ms (${detail}), so it was ended: try again. The thread can be resumed.`,
    { detail },
  );

const unanswered = (error: JsonRpcError) =>
  new CodexTurnError(
    "stalled",
    `codex app-server does not answer (${error.message}), so the turn was ended: try again.`,
    {
      cause: error,
      detail: error.message,
    },
  );

const interruptedElsewhere = () =>
  new CodexTurnError("crashed", "Somebody else interrupted the turn. The thread can be resumed.");

const crashed = ({ exitCode, signal }: ServerExit, stderr: string) =>
  new CodexTurnError(
    "crashed",
    signal === null
      ? `codex app-server ended with exit code ${exitCode} during the turn. The thread can be resumed.`
      : `codex app-server was ended by ${signal}: it crashed or was killed from outside. The thread can be resumed.`,
    { exitCode, signal, detail: stderr },
  );
