import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CodexTurnError, SETUP_GRACE_MS } from "@plexum/codex-turn";
import { AppServer, type AppServerOptions, WAITED_FOR_INDEX } from "./app-server.ts";
import { MAX_TIMER_MS } from "./max-timer.ts";
import { unloadsThreads } from "./wire.ts";

export interface ServerPoolOptions {
  /** How long an idle process is kept, in milliseconds. 0 ends each process after its turn. */
  readonly keepAliveMs: number;
  /** How many idle processes are kept. If there are more, those idle longest are ended. */
  readonly maxKept: number;
  /** The folder that contains codex's `auth.json`. */
  readonly codexHome: string;
}

/** A process for one turn. */
export interface Lease {
  readonly server: AppServer;
  /** Whether the process was kept from an earlier turn or started in advance. It may have exited unnoticed. */
  readonly isKept: boolean;
  /**
   * Returns the process to the pool. Resolves when nothing of the turn is left.
   * @param options `isClean`: the process is in a known state, and the thread is unloaded if codex can do that.
   */
  release(options: { readonly isClean: boolean }): Promise<void>;
}

/** The pool decides itself when a start is abandoned. */
export type StartOptions = Omit<AppServerOptions, "signal">;

export interface AcquireOptions {
  readonly isFresh: boolean;
  readonly before: () => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

interface Kept {
  readonly server: AppServer;
  /** Identifies the options that a turn must have to get this process. */
  readonly fingerprint: string;
  readonly expiry: NodeJS.Timeout;
}

/** Holds the kept processes, at most one for each workspace. A process that serves a turn is not in the pool. */
export class ServerPool implements AsyncDisposable {
  readonly #options: ServerPoolOptions;
  /** By workspace; the one idle longest comes first. */
  readonly #idle = new Map<string, Kept>();
  /** By workspace: the processes being started that no turn waits for yet. They count as kept. */
  readonly #startingAhead = new Map<string, Promise<void>>();
  readonly #ending = new Set<Promise<void>>();
  /** Aborts the starts that take too long after the pool was closed. */
  readonly #abandonStarts = new AbortController();
  #isClosed = false;

  constructor(options: ServerPoolOptions) {
    this.#options = options;
  }

  /** The number of idle processes. */
  get idleCount(): number {
    return this.#idle.size;
  }

  /**
   * Returns a process for a turn: the workspace's kept one if nothing it was started with has changed since, else a new one.
   * @param options `isFresh`: always a new process. `before`: called before a new process starts. `signal`: aborts the wait.
   * @throws as `AppServer.start`; the signal's reason.
   */
  async acquire(start: StartOptions, options: AcquireOptions): Promise<Lease> {
    const { signal } = options;
    const fingerprint = await this.#fingerprint(start);
    await orAborted(Promise.resolve(this.#startingAhead.get(start.workspace)), signal);
    const kept = this.#take(start.workspace);
    if (kept?.server.isAlive && kept.fingerprint === fingerprint && !options.isFresh) {
      kept.server.keepRunning(true);
      return this.#lease(kept.server, fingerprint, start, true);
    }
    if (kept !== undefined) await kept.server.end();
    await options.before();
    signal?.throwIfAborted();
    const starting = this.#start(start);
    try {
      return this.#lease(await orAborted(starting, signal), fingerprint, start, false);
    } catch (error) {
      // The turn no longer waits, but the process must not be ended yet: see SETUP_GRACE_MS.
      if (signal?.aborted)
        this.#trackStart(
          start.workspace,
          starting.then((server) => this.#keepOrEnd(server, fingerprint)),
        );
      throw error;
    }
  }

  /** Ends all idle processes, and those of running turns as soon as they are released. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const workspace of [...this.#idle.keys()]) this.#evict(workspace);
    const timer = setTimeout(() => this.#abandonStarts.abort(), SETUP_GRACE_MS);
    await Promise.all([...this.#startingAhead.values(), ...this.#ending]);
    clearTimeout(timer);
    // The processes that were started in advance in the meantime.
    await Promise.all(this.#ending);
  }

  get #mayKeep(): boolean {
    return !this.#isClosed && this.#options.keepAliveMs > 0 && this.#options.maxKept > 0;
  }

  #lease(server: AppServer, fingerprint: string, start: StartOptions, isKept: boolean): Lease {
    return {
      server,
      isKept,
      release: async ({ isClean }) => {
        if (isClean && server.isAlive && this.#mayKeep && unloadsThreads(server.version)) {
          this.#keep(server, fingerprint);
          await this.#untilWithinLimit();
          return;
        }
        await server.end();
        // Until 0.153 codex unloads a thread only when its process exits. Start the next process while no turn waits for it.
        if (isClean && this.#mayKeep && !unloadsThreads(server.version)) this.#prepareNext(start);
      },
    };
  }

  async #start(options: StartOptions): Promise<AppServer> {
    const server = await startAfterOthers({ ...options, signal: this.#abandonStarts.signal });
    // Once per process, not per turn: a handler of `exited` stays in memory until the process exits.
    void server.exited.then(() => {
      if (this.#idle.get(server.workspace)?.server === server) this.#take(server.workspace);
    });
    return server;
  }

  #prepareNext(start: StartOptions): void {
    const { workspace } = start;
    const free = this.#options.maxKept - this.#startingAhead.size;
    if (free <= 0 || this.#startingAhead.has(workspace)) return;
    const startNext = async (room: Promise<void>) => {
      await room;
      const fingerprint = await this.#fingerprint(start);
      if (!this.#isClosed) await this.#keepOrEnd(await this.#start(start), fingerprint);
    };
    this.#trackStart(workspace, startNext(this.#evictTo(free - 1)));
  }

  /** Ignores a failure: the next turn fails the same way and reports it. */
  #trackStart(workspace: string, starting: Promise<void>): void {
    const settled = starting
      .catch(() => {})
      .then(() => {
        this.#startingAhead.delete(workspace);
        return this.#evictTo(this.#options.maxKept);
      });
    this.#startingAhead.set(workspace, settled);
  }

  async #keepOrEnd(server: AppServer, fingerprint: string): Promise<void> {
    if (this.#mayKeep) this.#keep(server, fingerprint);
    else await server.end();
  }

  #keep(server: AppServer, fingerprint: string): void {
    const { workspace } = server;
    this.#evict(workspace);
    const expiry = setTimeout(() => this.#evict(workspace), Math.min(this.#options.keepAliveMs, MAX_TIMER_MS)).unref();
    this.#idle.set(workspace, { server, fingerprint, expiry });
    server.keepRunning(false);
  }

  /**
   * Ends the processes above the limit. Processes that are still ending count too, so the limit is never exceeded.
   * A turn waits here only in that case, for about 30 ms.
   */
  async #untilWithinLimit(): Promise<void> {
    const { maxKept } = this.#options;
    const kept = () => this.#idle.size + this.#startingAhead.size;
    if (kept() + this.#ending.size > maxKept) await this.#evictTo(maxKept - this.#startingAhead.size);
  }

  /** Ends idle processes until `count` are left. Resolves when the others are gone. */
  async #evictTo(count: number): Promise<void> {
    for (const [longest] of this.#idle) {
      if (this.#idle.size <= count) break;
      this.#evict(longest);
    }
    await Promise.all(this.#ending);
  }

  #take(workspace: string): Kept | undefined {
    const kept = this.#idle.get(workspace);
    clearTimeout(kept?.expiry);
    this.#idle.delete(workspace);
    return kept;
  }

  #evict(workspace: string): void {
    const kept = this.#take(workspace);
    if (kept !== undefined) this.#track(kept.server.end());
  }

  #track(ending: Promise<void>): void {
    this.#ending.add(ending);
    void ending.finally(() => this.#ending.delete(ending));
  }

  /** Returns a hash that changes whenever a new process would differ from a kept one: arguments, program, environment, login. */
  async #fingerprint({ program, version, args, env, workspace }: StartOptions): Promise<string> {
    const file = program.prefix[0] ?? program.command;
    const state = [
      program,
      version,
      args,
      env,
      await identity(file),
      await identity(join(this.#options.codexHome, "auth.json")),
      // A folder that was removed and created again is another folder: the process would still work in the removed one.
      await stat(workspace).then(
        ({ dev, ino }) => [dev, ino].join(),
        () => "",
      ),
    ];
    return createHash("sha256").update(JSON.stringify(state)).digest("hex");
  }
}

/**
 * Starts a process, and retries while others set up CODEX_HOME. If a CODEX_HOME is new to a version, codex processes that start
 * at once all try to set up its databases, and all but one fail (0.135.0 to 0.169.0).
 */
async function startAfterOthers(options: AppServerOptions): Promise<AppServer> {
  for (let tries = 1; ; tries++) {
    try {
      return await AppServer.start(options);
    } catch (error) {
      const detail = CodexTurnError.isInstance(error) ? (error.detail ?? "") : "";
      const isBeingSetUp = /failed to initialize .*state runtime/.test(detail) && !WAITED_FOR_INDEX.test(detail);
      if (!isBeingSetUp || tries === START_TRIES) throw error;
      await delay(START_AGAIN_MS * tries, undefined, { signal: options.signal });
    }
  }
}

/** The number of attempts when a start fails because other processes start at the same time. */
const START_TRIES = 5;

/** The delay between the first two attempts, in milliseconds; later delays are longer. */
const START_AGAIN_MS = 100;

/** Waits for a promise, or until the signal aborts. @throws the signal's reason if it aborts first. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Returns a string that changes with each write to a file and each replacement of it; "" if there is no file. */
async function identity(path: string): Promise<string> {
  return stat(path).then(
    ({ ino, ctimeMs, mtimeMs, size }) => [ino, ctimeMs, mtimeMs, size].join(),
    () => "",
  );
}
