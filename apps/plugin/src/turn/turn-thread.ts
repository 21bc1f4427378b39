import { stat } from "node:fs/promises";
import type { Usage as ThreadUsage } from "@plexum/codex-jsonl";
import {
  adoptRollout,
  findRollout,
  homesOfRollout,
  RolloutError,
  readRollout,
  readThreadUsage,
  recoverRollout,
} from "@plexum/rollout";
import { lockThread, type WorkspaceThread } from "@plexum/session-store";

/** How long a turn waits for a mutation of its thread to end, in milliseconds. */
const LOCK_WAIT_MS = 10_000;

/**
 * The thread that a turn works on: held by its lock, known to the workspace as soon as codex has a record of it, and asked
 * for what it has used.
 */
export class TurnThread implements AsyncDisposable {
  readonly #codexHome: string;
  readonly #store: WorkspaceThread;
  #threadId: string | undefined;
  readonly #locks = new AsyncDisposableStack();
  #rollout: string | undefined;
  #sizeBefore = 0;
  #usageBefore: ThreadUsage | undefined;

  private constructor(codexHome: string, store: WorkspaceThread) {
    this.#codexHome = codexHome;
    this.#store = store;
  }

  /**
   * @param threadId The thread to go on with; undefined for a new one, of which codex will tell.
   * @throws SessionStoreError `busy`, RolloutError, or the signal's reason. The thread is let go of then.
   */
  static async open(
    codexHome: string,
    store: WorkspaceThread,
    threadId: string | undefined,
    signal: AbortSignal,
  ): Promise<TurnThread> {
    const thread = new TurnThread(codexHome, store);
    if (threadId === undefined) return thread;
    try {
      await thread.#hold(threadId, signal);
      await thread.#lookBack(threadId, signal);
      return thread;
    } catch (error) {
      await thread[Symbol.asyncDispose]();
      // Some of what is aborted says so in an error of its own.
      signal.throwIfAborted();
      throw error;
    }
  }

  /** Undefined as long as codex has not named a new thread. */
  get threadId(): string | undefined {
    return this.#threadId;
  }

  /** Where codex records the thread; undefined as long as it doesn't. */
  get rollout(): string | undefined {
    return this.#rollout;
  }

  /** How long the rollout was before the turn, in bytes: what stands behind is this turn's. */
  get sizeBefore(): number {
    return this.#sizeBefore;
  }

  /** The thread's running total before the turn: undefined for a new thread. */
  get usageBefore(): ThreadUsage | undefined {
    return this.#usageBefore;
  }

  /** The running total by what codex has recorded until now. */
  async usageNow(): Promise<ThreadUsage | undefined> {
    return this.#rollout === undefined ? undefined : usageOf(this.#rollout, { codexHome: this.#codexHome });
  }

  /** codex has named the thread. */
  async started(threadId: string): Promise<void> {
    if (this.#threadId === undefined) await this.#hold(threadId);
  }

  /**
   * Makes the thread the workspace's own once codex has recorded something of it, and not before: an id is told before
   * anything is on disk, and one that never gets that far can't be resumed (seen in 0.135.0 and 0.169.0).
   */
  async keep(): Promise<void> {
    if (this.#threadId === undefined || this.#rollout !== undefined) return;
    this.#rollout = (await findRollout(this.#threadId, { codexHome: this.#codexHome }))?.path;
    if (this.#rollout !== undefined) await this.#store.save(this.#threadId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#locks[Symbol.asyncDispose]();
  }

  /** codex is about to read the rollout: a mutation that was interrupted is finished first. */
  async #lookBack(threadId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#read(threadId, signal);
    } catch (error) {
      // What can't even be opened is codex's to judge: it can't either, and the turn goes on in a fresh thread.
      if (!RolloutError.isInstance(error) || !UNOPENABLE.has(error.code)) throw error;
    }
  }

  async #read(threadId: string, signal: AbortSignal): Promise<void> {
    const rollout = await findRollout(threadId, { codexHome: this.#codexHome, signal });
    if (rollout === undefined) return;
    const { path, compressed } = rollout;
    // Of another home that this one's links lead into: a mutation there rewrites the same file.
    for (const home of homesOfRollout(this.#codexHome, path).slice(1)) await this.#hold(threadId, signal, home);
    await adoptRollout(rollout, { codexHome: this.#codexHome, signal });
    await recoverRollout(path, { codexHome: this.#codexHome, signal });
    this.#usageBefore = await usageOf(path, { codexHome: this.#codexHome, signal });
    this.#sizeBefore = compressed ? await endOfLastLine(path, signal) : (await stat(path)).size;
    // codex brings a compressed rollout back as a plain file when it resumes the thread.
    this.#rollout = path.replace(/\.zst$/, "");
  }

  async #hold(threadId: string, signal?: AbortSignal, codexHome = this.#codexHome): Promise<void> {
    this.#locks.use(await lockThread(codexHome, threadId, { waitMs: LOCK_WAIT_MS, signal }));
    this.#threadId = threadId;
  }
}

const UNOPENABLE: ReadonlySet<string> = new Set(["not_found", "not_a_file", "not_permitted", "damaged"]);

const usageOf = async (...args: Parameters<typeof readThreadUsage>) => (await readThreadUsage(...args)).total;

async function endOfLastLine(rollout: string, signal: AbortSignal): Promise<number> {
  const lines = readRollout(rollout, { direction: "backward", signal });
  for await (const { offset, length } of lines) return offset + length + 1;
  return 0;
}
