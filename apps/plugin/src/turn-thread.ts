import type { Usage as ThreadUsage } from "@plexum/codex-jsonl";
import { findRollout, readThreadUsage } from "@plexum/rollout";
import { type HeldLock, lockThread, type WorkspaceThread } from "@plexum/session-store";

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
  #lock: HeldLock | undefined;
  #rollout: string | undefined;
  #usageBefore: ThreadUsage | undefined;

  private constructor(codexHome: string, store: WorkspaceThread) {
    this.#codexHome = codexHome;
    this.#store = store;
  }

  /** @param threadId The thread to go on with; undefined for a new one, of which codex will tell. */
  static async open(codexHome: string, store: WorkspaceThread, threadId: string | undefined): Promise<TurnThread> {
    const thread = new TurnThread(codexHome, store);
    if (threadId !== undefined) {
      await thread.#hold(threadId);
      thread.#rollout = (await findRollout(threadId, { codexHome }))?.path;
      thread.#usageBefore = await thread.#usage();
    }
    return thread;
  }

  /** Where codex records the thread; undefined as long as it doesn't. */
  get rollout(): string | undefined {
    return this.#rollout;
  }

  /** The thread's running total before the turn: undefined for a new thread. */
  get usageBefore(): ThreadUsage | undefined {
    return this.#usageBefore;
  }

  /** The running total by what codex has recorded until now. */
  usageNow(): Promise<ThreadUsage | undefined> {
    return this.#usage();
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
    await this.#lock?.[Symbol.asyncDispose]();
  }

  async #hold(threadId: string): Promise<void> {
    this.#lock = await lockThread(this.#codexHome, threadId, { waitMs: LOCK_WAIT_MS });
    this.#threadId = threadId;
  }

  async #usage(): Promise<ThreadUsage | undefined> {
    if (this.#rollout === undefined) return undefined;
    const { total } = await readThreadUsage(this.#rollout, { codexHome: this.#codexHome });
    return total;
  }
}
