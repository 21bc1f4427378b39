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

/** The longest delay that setTimeout accepts (about 24.8 days). */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How long a kept process may take to answer before it is replaced, in milliseconds: it takes 1 to 5. */
const KEPT_ANSWER_MS = 3000;

/** How long codex may take to exit after its stdout has ended, in milliseconds. */
const EXIT_MS = 3000;

/** The delay before a refused request is repeated, in milliseconds: an interrupt before the turn has started, a resume too early. */
const INTERRUPT_AGAIN_MS = 5;

/** Errors about a thread that may come from the state of a kept process. */
const RECONSIDERED: ReadonlySet<string> = new Set(["thread_unreadable", "thread_busy"]);

interface ThreadOptions {
  /** Undefined for a new thread. */
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

export interface PreparedTurn {
  readonly lease: Lease;
  /** Gets another process, if the first one turned out to be gone before it was asked for anything. */
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
  readonly #log: TurnLog;
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
      // The exit says more than a missing answer does.
      const exit = isGone
        ? await Promise.race([this.#over.promise, delay(EXIT_MS, undefined, { ref: false })])
        : undefined;
      outcome = exit ?? { kind: "failed", error: this.#failureOf(error) };
    }
    this.#isOver = true;
    this.#watch?.stop();
    // Little output is left, and the answers to the next requests are needed.
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
      // A kept process may have exited, or hung, without anybody noticing. So far it was only asked to load the thread.
      const isGone = JsonRpcError.isInstance(error) && (error.code === "closed" || !this.#hasAnswered);
      // A process that could not write the thread's last lines, on a full disk, refuses to load the thread again (0.169.0). Try a
      // new process before giving up on the thread.
      const isRefused = CodexTurnError.isInstance(error) && RECONSIDERED.has(error.code);
      if (!(isGone || isRefused) || !this.#lease.isKept || this.#ending !== undefined) throw error;
      // The end of the old process is not the end of this turn.
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
    // codex leaves some requests unanswered and still executes them.
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
        // codex records a failed turn as complete too.
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
    // A required MCP server may take minutes to start, so loading may take as long as a turn may be silent.
    const { signal } = this.#start;
    const limitMs = Math.min(this.#options.stallMs, MAX_TIMER_MS);
    const ask = (method: string, params: object, timeoutMs = limitMs) =>
      server.request(method, params, { signal, timeoutMs });

    const answerMs = this.#lease.isKept ? Math.min(limitMs, KEPT_ANSWER_MS) : limitMs;
    const config = readConfig(await ask(METHODS.readConfig, readConfigParams(thread.cwd), answerMs));
    this.#hasAnswered = true;
    const model = thread.model ?? config.model ?? readDefaultModel(await ask(METHODS.listModels, {}));
    // A decision about a parent folder does not count, unless that folder is the repository.
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
    // 0.135.0 loads a file under the id in its content, whatever its name says.
    if (thread.id !== undefined && id !== thread.id.toLowerCase())
      throw classifyResumeFailure(`the session file ${path ?? ""} belongs to thread ${id}, not ${thread.id}`);
    return { id, path };
  }

  async #resume(ask: (method: string, params: object) => Promise<unknown>, params: object): Promise<unknown> {
    for (let tries = 0; ; tries++) {
      try {
        return await ask(METHODS.resumeThread, params);
      } catch (error) {
        // codex is still unloading the thread.
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
    this.#log.take(notification, method);
    if (notification.kind === "thread-closed") this.#closed.resolve();
    if (notification.kind === "turn-started" && this.#isAsked && notification.turnId !== undefined)
      this.#started.resolve(notification.turnId);
    // Look while the process still links the command to the turn: a command may clear its environment.
    if (notification.kind === "item-started" && mayStartProcesses(notification.itemType))
      this.#lease.server.expectCommand();
    if (notification.kind !== "turn-completed" || !this.#isAsked) return;
    const { status, error } = notification;
    if (status === "completed" || status === "interrupted") this.#over.resolve({ kind: status });
    else this.#over.resolve({ kind: "failed", error: this.#log.failure(error) });
  }

  /** Handles a notification that is too long to be read: its beginning says what it is. The end of a turn repeats its messages (0.169.0). */
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
    // Look now: once codex is gone, nothing links a command that cleared its environment to the turn.
    server.look();
    if (this.#isAsked) void this.#interrupt(server);
    else this.#start.abort(new Error("the turn was ended before it ran"));
  }

  /** Repeats the interrupt until codex accepts it: codex refuses to interrupt a turn before its start, and then runs the turn. */
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
    // End the process and everything it started, whatever it is busy with.
    if (settled === "too late" && !this.#isOver) await server.end({ isHasty: true });
  }

  /** Unloads the thread. Returns true if the process is in a known state and can be kept. */
  async #unload(outcome: Outcome): Promise<boolean> {
    const { server } = this.#lease;
    const isUnauthorized = outcome.kind === "failed" && outcome.error.code === "not_signed_in";
    const isSettled = this.#thread !== undefined && this.#isAsked && !this.#isDoubtful && !this.#log.hasOtherThreads;
    // A running codex does not notice a new sign-in.
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
