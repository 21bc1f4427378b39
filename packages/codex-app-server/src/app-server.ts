import { setTimeout as delay } from "node:timers/promises";
import {
  type EndGrace,
  endProcess,
  type MarkedProcess,
  type Program,
  StderrReader,
  spawnMarked,
} from "@plexum/cli-turn";
import { CodexTurnError, classifyFailure } from "@plexum/codex-turn";
import { JsonRpcError, Peer, RPC_CODES, RpcError } from "@plexum/json-rpc";
import {
  answerFor,
  EPHEMERAL_LOGIN,
  initializeParams,
  loginParams,
  METHODS,
  threadOf,
  UNLOAD_AT_ONCE,
  unloadsThreads,
} from "./wire.ts";

/** The longest line of codex's stdout that is read, as in a turn by `codex exec`. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** How long codex may take to answer a request, in milliseconds. It never answers some (0.135.0 to 0.169.0). */
const REQUEST_TIMEOUT_MS = 60_000;

/** How long codex may take to exit after its stdin has ended, in milliseconds: it needs 20 to 35. */
const STDIN_GRACE_MS = 1000;

/** How long reading the rest of its stdout may take after its exit, in milliseconds. */
const DRAIN_MS = 500;

/** How long after the probable start of a command its processes are looked up, in milliseconds. By then its shell has started them. */
const LOOK_AFTER_MS = 250;

export interface AppServerOptions {
  readonly program: Program;
  readonly version: string;
  /** Arguments after `app-server`. */
  readonly args: readonly string[];
  /** The real path of the folder that codex works in. */
  readonly workspace: string;
  readonly env: NodeJS.ProcessEnv;
  /** How long codex may take to answer `initialize`, in milliseconds. */
  readonly initializeTimeoutMs: number;
  readonly grace: EndGrace;
  /** Ends the process if it has not started yet. */
  readonly signal?: AbortSignal | undefined;
  readonly onStderr: (line: string) => void;
}

/** Receives what happens in the threads of a process. */
export interface ThreadListener {
  /** @param bytes The length of the notification's line. */
  onNotification(method: string, params: unknown, bytes: number): void;
  /** A line was too long to be read. */
  onOversized(head: Uint8Array, length: number): void;
  /** codex asked its client for something, and the request was declined because there is no user to ask. */
  onDeclined(method: string): void;
  /** The process is gone, and everything it wrote has been read. */
  onExit(exit: ServerExit): void;
}

export interface ServerExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One running `codex app-server`. */
export class AppServer {
  readonly version: string;
  readonly workspace: string;
  /** Resolves when the process is gone, for whatever reason. */
  readonly exited: Promise<ServerExit>;
  readonly #spawned: MarkedProcess;
  readonly #grace: EndGrace;
  readonly #peer: Peer;
  readonly #stderr: StderrReader;
  #listener: ThreadListener | undefined;
  #ending: Promise<void> | undefined;
  #isGone = false;
  #looking: NodeJS.Timeout | undefined;

  private constructor(spawned: MarkedProcess, options: AppServerOptions) {
    this.version = options.version;
    this.workspace = options.workspace;
    this.#spawned = spawned;
    this.#grace = options.grace;
    const { child } = spawned;
    child.on("error", () => {});
    child.stdin.on("error", () => {});
    // codex panics when its stderr is closed, so it is read to the end (0.135.0, 0.169.0).
    this.#stderr = new StderrReader(child.stderr, (line) => options.onStderr(line));
    this.#peer = new Peer({
      input: child.stdout,
      output: child.stdin,
      dialect: "plain",
      maxMessageBytes: MAX_MESSAGE_BYTES,
      onRequest: async (method) => this.#answer(method),
      onNotification: (method, params, bytes) => this.#notify(method, params, bytes),
      onFault: (error, line) => {
        if (line.kind === "oversized") this.#listener?.onOversized(line.head, line.length);
        else options.onStderr(`codex app-server wrote an unreadable message: ${error.message}`);
      },
    });
    this.exited = new Promise((resolve) => {
      child.once("exit", (exitCode, signal) => {
        this.#isGone = true;
        resolve({ exitCode, signal });
      });
    });
    // Without the output there is no way to learn how a turn ends, so the process is of no use.
    void this.#peer.ended.then(() => this.end());
    // Once the process is gone, for whatever reason, end everything it started and release the guard.
    void this.exited.then((exit) => {
      void this.#reportExit(exit);
      return this.end();
    });
  }

  /** Reports the exit to the current turn. A turn does not wait for `exited` itself: it would stay in memory until the process exits. */
  async #reportExit(exit: ServerExit): Promise<void> {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.pause(false);
    // The pipe may still hold its last output, including the end of the turn.
    await Promise.race([this.#peer.ended, delay(DRAIN_MS, undefined, { ref: false })]);
    if (this.#listener === listener) listener.onExit(exit);
  }

  /**
   * Starts a process. Resolves once it has answered `initialize`.
   *
   * @throws CodexTurnError `app_server_unavailable` if it does not answer, `config_invalid` if codex reports that; CliTurnError; the signal's reason.
   */
  static async start(options: AppServerOptions): Promise<AppServer> {
    const { version, env, signal, initializeTimeoutMs: timeoutMs } = options;
    const apiKey = env.CODEX_API_KEY;
    const args = [
      "app-server",
      ...(unloadsThreads(version) ? UNLOAD_AT_ONCE : []),
      ...(apiKey ? EPHEMERAL_LOGIN : []),
      ...options.args,
    ];
    const spawned = await spawnMarked({ ...options, args });
    const server = new AppServer(spawned, options);
    try {
      await server.request(METHODS.initialize, initializeParams("1"), { signal, timeoutMs });
      server.#notifyCodex(METHODS.initialized);
      // `codex exec` reads this variable itself; app-server does not (0.135.0 to 0.169.0).
      if (apiKey) await server.request(METHODS.login, loginParams(apiKey), { signal, timeoutMs });
      return server;
    } catch (error) {
      // The exit says more than a closed pipe.
      const isClosed = JsonRpcError.isInstance(error) && error.code === "closed";
      const exit = isClosed
        ? await Promise.race([server.exited, delay(DRAIN_MS, undefined, { ref: false })])
        : undefined;
      await server.end({ isHasty: true });
      signal?.throwIfAborted();
      const config = classifyFailure(server.stderrTail.trim());
      // `codex exec` would fail in the same way, unless it knows a flag that app-server does not know.
      if (config.code === "config_invalid" && !/^error: /m.test(server.stderrTail)) throw config;
      const stderr = server.stderrTail.trim().slice(-1000);
      const why = reasonOf(exit, stderr) ?? (error as Error).message;
      throw new CodexTurnError(
        "app_server_unavailable",
        `codex app-server did not start: ${why}.${stderr === "" ? "" : ` Its stderr: ${stderr}`}`,
        { cause: error, detail: stderr },
      );
    }
  }

  get pid(): number {
    return this.#spawned.child.pid as number;
  }

  get command(): readonly string[] {
    return this.#spawned.child.spawnargs;
  }

  /** False once the process is gone or is being ended. */
  get isAlive(): boolean {
    return !this.#isGone && this.#ending === undefined;
  }

  get stderrTail(): string {
    return this.#stderr.tail;
  }

  /**
   * Sends a request and returns its result.
   * @throws RpcError with codex's own error; JsonRpcError `closed` if the process is gone, `timed_out`; the signal's reason.
   */
  request(
    method: string,
    params: object,
    { signal, timeoutMs = REQUEST_TIMEOUT_MS }: { signal?: AbortSignal | undefined; timeoutMs?: number } = {},
  ): Promise<unknown> {
    return this.#peer.request(method, params, { signal, timeoutMs });
  }

  /** Sets the listener for the process's threads: the one turn that it currently serves. */
  setListener(listener: ThreadListener | undefined): void {
    this.#listener = listener;
  }

  /** Pauses or resumes reading codex's stdout. While it is paused, codex blocks as soon as the pipe is full. */
  pause(isPaused: boolean): void {
    const { stdout } = this.#spawned.child;
    if (isPaused) stdout.pause();
    else stdout.resume();
  }

  /** Sets whether the process keeps Node's event loop alive. An idle process does not. */
  keepRunning(isBusy: boolean): void {
    const { child, keepGuarded } = this.#spawned;
    if (isBusy) keepGuarded();
    for (const handle of [child, child.stdin, child.stdout, child.stderr] as unknown as {
      ref(): void;
      unref(): void;
    }[]) {
      if (isBusy) handle.ref();
      else handle.unref();
    }
  }

  /** Remembers the process's current descendants, so that they can be ended even after it is gone. */
  async rememberProcesses(): Promise<void> {
    await this.#spawned.family.findMembers();
  }

  /** Remembers the descendants a little later, when a command that has probably started has its processes. */
  expectCommand(): void {
    this.#looking ??= setTimeout(() => {
      this.#looking = undefined;
      void this.rememberProcesses();
    }, LOOK_AFTER_MS).unref();
  }

  /** Ends what its commands and MCP servers left running, but not the process itself. */
  async endLeftovers(): Promise<void> {
    await this.#spawned.family.endOthers(this.pid, this.#grace.terminateMs);
  }

  /**
   * Ends the process and everything it started. Resolves when nothing is left.
   * @param options `isHasty`: does not give it time to exit by itself.
   */
  end(options: { readonly isHasty?: boolean } = {}): Promise<void> {
    this.#ending ??= this.#end(options.isHasty === true);
    return this.#ending;
  }

  async #end(isHasty: boolean): Promise<void> {
    const { child, family, release } = this.#spawned;
    try {
      if (!this.#isGone) {
        this.keepRunning(true);
        this.pause(false);
        await family.findMembers();
        // When its stdin ends, codex interrupts its turns, records that, ends its commands and exits.
        child.stdin.end();
        if (!isHasty) await Promise.race([this.exited, delay(STDIN_GRACE_MS, undefined, { ref: false })]);
        if (!this.#isGone) endProcess(child, [{ signal: "SIGTERM", graceMs: this.#grace.terminateMs }]);
        await this.exited;
      }
      await family.endRest(this.#grace.terminateMs);
      await Promise.race([this.#peer.ended, delay(DRAIN_MS, undefined, { ref: false })]);
    } finally {
      clearTimeout(this.#looking);
      child.stdout.destroy();
      child.stderr.destroy();
      this.#stderr.end();
      release();
    }
  }

  #notifyCodex(method: string): void {
    void this.#peer.notify(method, {});
  }

  #notify(method: string, params: unknown, bytes: number): void {
    if (threadOf(params) !== undefined) this.#listener?.onNotification(method, params, bytes);
  }

  #answer(method: string): object {
    const answer = answerFor(method);
    this.#listener?.onDeclined(method);
    if (answer === undefined) throw new RpcError(RPC_CODES.methodNotFound, `this client does not answer ${method}`);
    return answer;
  }
}

/** codex's words when another process was indexing the sessions for the 30 seconds that it waits (0.135.0 to 0.171.0). */
export const WAITED_FOR_INDEX = /timed out waiting for state db backfill/;

function reasonOf(exit: ServerExit | undefined, stderr: string): string | undefined {
  if (exit === undefined) return undefined;
  if (WAITED_FOR_INDEX.test(stderr))
    return "another codex is indexing the sessions in CODEX_HOME, or was killed while it did so; codex starts again when that is done, or 15 minutes after the kill";
  return exit.signal === null ? `it exited with code ${exit.exitCode}` : `it was killed by ${exit.signal}`;
}
