import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CodexTurnError } from "@plexum/codex-turn";
import { AppServer, type AppServerOptions } from "./app-server.ts";
import { unloadsThreads } from "./wire.ts";

export interface ServerPoolOptions {
  /** How long an idle process is kept, in milliseconds. 0: not at all. */
  readonly keepAliveMs: number;
  /** How many idle processes are kept; of more, those that have been idle longest are ended. */
  readonly maxKept: number;
  /** Where codex has its `auth.json`. */
  readonly codexHome: string;
}

/** A process for one turn. */
export interface Lease {
  readonly server: AppServer;
  /** Whether it was kept from an earlier turn, or started ahead, and may have gone unnoticed. */
  readonly isKept: boolean;
  /**
   * Gives it back. Resolves when nothing of the turn is left.
   * @param options `isClean`: nothing leaves a doubt about its state; the thread is unloaded if codex can do that.
   */
  release(options: { readonly isClean: boolean }): Promise<void>;
}

interface Kept {
  readonly server: AppServer;
  /** What a turn must ask for to get it. */
  readonly fingerprint: string;
  readonly expiry: NodeJS.Timeout;
}

/** The kept processes, at most one for each workspace. One that serves a turn is not in here. */
export class ServerPool implements AsyncDisposable {
  readonly #options: ServerPoolOptions;
  /** By workspace; idle the longest first. */
  readonly #idle = new Map<string, Kept>();
  /** By workspace: those that are being started ahead of the next turn. They count as kept. */
  readonly #startingAhead = new Map<string, Promise<void>>();
  readonly #ending = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: ServerPoolOptions) {
    this.#options = options;
  }

  /** How many processes are kept without a turn. */
  get idleCount(): number {
    return this.#idle.size;
  }

  /**
   * A process for a turn: the workspace's own if it was kept and nothing it was started with has changed since.
   * @param options `isFresh`: a new one in any case. `before`: what comes before a new one is started.
   * @throws as `AppServer.start`.
   */
  async acquire(
    start: AppServerOptions,
    options: { readonly isFresh: boolean; readonly before: () => Promise<void> },
  ): Promise<Lease> {
    const fingerprint = await this.#fingerprint(start);
    await orAborted(this.#startingAhead.get(start.workspace), start.signal);
    const kept = this.#take(start.workspace);
    if (kept?.server.isAlive && kept.fingerprint === fingerprint && !options.isFresh) {
      kept.server.keepRunning(true);
      return this.#lease(kept.server, fingerprint, start, true);
    }
    if (kept !== undefined) await kept.server.end();
    await options.before();
    return this.#lease(await this.#start(start), fingerprint, start, false);
  }

  /** Ends all idle processes, and those of running turns as they are given back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const workspace of [...this.#idle.keys()]) this.#evict(workspace);
    await Promise.all([...this.#startingAhead.values(), ...this.#ending]);
    // Those that were started ahead meanwhile.
    await Promise.all(this.#ending);
  }

  #lease(server: AppServer, fingerprint: string, start: AppServerOptions, isKept: boolean): Lease {
    const mayKeep = () => !this.#isClosed && this.#options.keepAliveMs > 0 && this.#options.maxKept > 0;
    return {
      server,
      isKept,
      release: async ({ isClean }) => {
        if (isClean && server.isAlive && mayKeep() && unloadsThreads(server.version)) {
          this.#keep(server, fingerprint);
          await this.#untilWithinLimit();
          return;
        }
        await server.end();
        // Until 0.153 codex unloads a thread only with its process. The next one starts while nobody waits.
        if (isClean && mayKeep() && !unloadsThreads(server.version)) this.#prepareNext(start);
      },
    };
  }

  async #start(options: AppServerOptions): Promise<AppServer> {
    const server = await startAfterOthers(options);
    // Once for each process, however many turns it serves: what waits for its end is held in memory until then.
    void server.exited.then(() => {
      if (this.#idle.get(server.workspace)?.server === server) this.#take(server.workspace);
    });
    return server;
  }

  #prepareNext(start: AppServerOptions): void {
    const { workspace } = start;
    const free = this.#options.maxKept - this.#startingAhead.size;
    if (free <= 0 || this.#startingAhead.has(workspace)) return;
    const started = this.#startAhead(start, this.#evictTo(free - 1)).finally(() =>
      this.#startingAhead.delete(workspace),
    );
    this.#startingAhead.set(workspace, started);
  }

  /** What fails now fails in the next turn too, which reports it. */
  async #startAhead(start: AppServerOptions, isThereRoom: Promise<void>): Promise<void> {
    try {
      await isThereRoom;
      const fingerprint = await this.#fingerprint(start);
      const { signal: _, ...options } = start;
      if (this.#isClosed) return;
      const server = await this.#start(options);
      if (this.#isClosed) await server.end();
      else this.#keep(server, fingerprint);
    } catch {
      // As above.
    }
  }

  #keep(server: AppServer, fingerprint: string): void {
    const { workspace } = server;
    this.#evict(workspace);
    const expiry = setTimeout(() => this.#evict(workspace), Math.min(this.#options.keepAliveMs, MAX_TIMER_MS)).unref();
    this.#idle.set(workspace, { server, fingerprint, expiry });
    server.keepRunning(false);
  }

  /**
   * Ends the processes that are too many. Those that are still ending count, so that there are never more than allowed:
   * only then does a turn wait here, for some 30 ms.
   */
  async #untilWithinLimit(): Promise<void> {
    const { maxKept } = this.#options;
    const kept = () => this.#idle.size + this.#startingAhead.size;
    if (kept() + this.#ending.size > maxKept) await this.#evictTo(maxKept - this.#startingAhead.size);
  }

  /** Resolves when no more than so many are idle, and the others gone. */
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

  /** Changes whenever a kept process would no longer be what a new one is: other arguments, program, environment, login. */
  async #fingerprint({ program, version, args, env, workspace }: AppServerOptions): Promise<string> {
    const file = program.prefix[0] ?? program.command;
    const state = [
      program,
      version,
      args,
      env,
      await identity(file),
      await identity(join(this.#options.codexHome, "auth.json")),
      // One that was removed and made again is another folder: the process would stand in the removed one.
      await stat(workspace).then(
        ({ dev, ino }) => [dev, ino].join(),
        () => "",
      ),
    ];
    return createHash("sha256").update(JSON.stringify(state)).digest("hex");
  }
}

/**
 * On a CODEX_HOME that is new to this version, several codexes that start at once all want to set up its databases, and all
 * but one fail (0.135.0 to 0.169.0).
 */
async function startAfterOthers(options: AppServerOptions): Promise<AppServer> {
  for (let tries = 1; ; tries++) {
    try {
      return await AppServer.start(options);
    } catch (error) {
      const isSetUp =
        CodexTurnError.isInstance(error) && /failed to initialize .*state runtime/.test(error.detail ?? "");
      if (!isSetUp || tries === START_TRIES) throw error;
      await delay(START_AGAIN_MS * tries, undefined, { signal: options.signal });
    }
  }
}

/** How often a start is tried that fails since others start at the same time. */
const START_TRIES = 5;

/** From the first try to the second, in milliseconds; longer from there on. */
const START_AGAIN_MS = 100;

/** setTimeout takes no more (about 24.8 days). */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Waits for a promise, but not longer than until the signal aborts. Throws the signal's reason then. */
async function orAborted(promise: Promise<void> | undefined, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Changes with each write to a file and each replacement of it; "" if there is none. */
async function identity(path: string): Promise<string> {
  return stat(path).then(
    ({ ino, ctimeMs, mtimeMs, size }) => [ino, ctimeMs, mtimeMs, size].join(),
    () => "",
  );
}
