import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
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
    const kept = this.#take(start.workspace);
    if (kept?.server.isAlive && kept.fingerprint === fingerprint && !options.isFresh) {
      kept.server.keepRunning(true);
      return this.#lease(kept.server, fingerprint, start, true);
    }
    if (kept !== undefined) await kept.server.end();
    await options.before();
    return this.#lease(await AppServer.start(start), fingerprint, start, false);
  }

  /** Ends all idle processes, and those of running turns as they are given back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const workspace of [...this.#idle.keys()]) this.#evict(workspace);
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
          return;
        }
        await server.end();
        // Until 0.153 codex unloads a thread only with its process. The next one starts while nobody waits.
        if (isClean && mayKeep() && !unloadsThreads(server.version)) this.#startAhead(start);
      },
    };
  }

  /** What fails now fails in the next turn too, which reports it. */
  #startAhead(start: AppServerOptions): void {
    const started = (async () => {
      const fingerprint = await this.#fingerprint(start);
      const { signal: _, ...options } = start;
      const server = await AppServer.start(options);
      if (this.#isClosed || this.#idle.has(start.workspace)) await server.end();
      else this.#keep(server, fingerprint);
    })().catch(() => {});
    this.#track(started);
  }

  #keep(server: AppServer, fingerprint: string): void {
    const { workspace } = server;
    this.#evict(workspace);
    const expiry = setTimeout(() => this.#evict(workspace), Math.min(this.#options.keepAliveMs, MAX_TIMER_MS)).unref();
    this.#idle.set(workspace, { server, fingerprint, expiry });
    server.keepRunning(false);
    void server.exited.then(() => {
      if (this.#idle.get(workspace)?.server === server) this.#take(workspace);
    });
    for (const [longest] of this.#idle) {
      if (this.#idle.size <= this.#options.maxKept) break;
      this.#evict(longest);
    }
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
  async #fingerprint({ program, version, args, env }: AppServerOptions): Promise<string> {
    const file = program.prefix[0] ?? program.command;
    const state = [
      program,
      version,
      args,
      env,
      await identity(file),
      await identity(join(this.#options.codexHome, "auth.json")),
    ];
    return createHash("sha256").update(JSON.stringify(state)).digest("hex");
  }
}

/** setTimeout takes no more (about 24.8 days). */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Changes with each write to a file and each replacement of it; "" if there is none. */
async function identity(path: string): Promise<string> {
  return stat(path).then(
    ({ ino, ctimeMs, mtimeMs, size }) => [ino, ctimeMs, mtimeMs, size].join(),
    () => "",
  );
}
