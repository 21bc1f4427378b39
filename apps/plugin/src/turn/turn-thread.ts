import { stat } from "node:fs/promises";
import type { Usage as ThreadUsage } from "@plexum/codex-jsonl";
import { adoptRollout, findRollout, RolloutError, readRollout, readThreadUsage, recoverRollout } from "@plexum/rollout";
import type { WorkspaceThread } from "@plexum/session-store";
import { ThreadLocks } from "../thread-locks.ts";

/** How long a turn waits for a mutation of its thread to end, in milliseconds. */
const LOCK_WAIT_MS = 10_000;

/**
 * The thread of a turn. Holds the thread's lock, saves the thread's id in the workspace as soon as codex has a record of
 * the thread, and reads its token usage.
 */
export class TurnThread implements AsyncDisposable {
  readonly #codexHome: string;
  readonly #store: WorkspaceThread;
  #threadId: string | undefined;
  #locks: ThreadLocks | undefined;
  #rollout: string | undefined;
  #sizeBefore = 0;
  #usageBefore: ThreadUsage | undefined;

  private constructor(codexHome: string, store: WorkspaceThread) {
    this.#codexHome = codexHome;
    this.#store = store;
  }

  /**
   * Locks the thread, finishes an interrupted mutation of it, and reads its usage and size.
   *
   * @param threadId The thread to continue; undefined for a new one, whose id codex will report.
   * @throws SessionStoreError `busy`, RolloutError, or the signal's reason. Releases the thread before it throws.
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
      await thread.#readPast(threadId, signal);
      return thread;
    } catch (error) {
      await thread[Symbol.asyncDispose]();
      // Some operations throw their own error when they are aborted.
      signal.throwIfAborted();
      throw error;
    }
  }

  /** Undefined until codex has named a new thread. */
  get threadId(): string | undefined {
    return this.#threadId;
  }

  /** The file in which codex records the thread; undefined until it exists. */
  get rollout(): string | undefined {
    return this.#rollout;
  }

  /** The rollout's size before the turn, in bytes: everything after it belongs to this turn. */
  get sizeBefore(): number {
    return this.#sizeBefore;
  }

  /** The thread's running total before the turn; undefined for a new thread. */
  get usageBefore(): ThreadUsage | undefined {
    return this.#usageBefore;
  }

  /** Returns the running total that codex has recorded so far. */
  async usageNow(): Promise<ThreadUsage | undefined> {
    return this.#rollout === undefined ? undefined : usageOf(this.#rollout, { codexHome: this.#codexHome });
  }

  /** Acquires the lock of the thread that codex has named. */
  async started(threadId: string): Promise<void> {
    if (this.#threadId === undefined) await this.#hold(threadId);
  }

  /**
   * Saves the thread as the one that the workspace continues, once codex has recorded something of it. codex reports the id before
   * anything is on disk, and can't resume a thread that never reached the disk (seen in 0.135.0 and 0.169.0).
   */
  async keep(): Promise<void> {
    if (this.#threadId === undefined || this.#rollout !== undefined) return;
    this.#rollout = (await findRollout(this.#threadId, { codexHome: this.#codexHome }))?.path;
    if (this.#rollout !== undefined) await this.#store.save(this.#threadId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#locks?.[Symbol.asyncDispose]();
  }

  /** Finishes an interrupted mutation before codex reads the rollout. */
  async #readPast(threadId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#read(threadId, signal);
    } catch (error) {
      // codex can't open such a file either. Then the turn continues in a new thread.
      if (!RolloutError.isInstance(error) || !UNOPENABLE.has(error.code)) throw error;
    }
  }

  async #read(threadId: string, signal: AbortSignal): Promise<void> {
    const rollout = await findRollout(threadId, { codexHome: this.#codexHome, signal });
    if (rollout === undefined) return;
    const { path, compressed } = rollout;
    await this.#locks?.acquireForRollout(path);
    await adoptRollout(rollout, { codexHome: this.#codexHome, signal });
    await recoverRollout(path, { codexHome: this.#codexHome, signal });
    this.#usageBefore = await usageOf(path, { codexHome: this.#codexHome, signal });
    this.#sizeBefore = compressed ? await endOfLastLine(path, signal) : (await stat(path)).size;
    // codex restores a compressed rollout as a plain file when it resumes the thread.
    this.#rollout = path.replace(/\.zst$/, "");
  }

  async #hold(threadId: string, signal?: AbortSignal): Promise<void> {
    this.#locks = await ThreadLocks.acquire(this.#codexHome, threadId, { waitMs: LOCK_WAIT_MS, signal });
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
