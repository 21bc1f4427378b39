import { stat } from "node:fs/promises";
import type { Usage as ThreadUsage } from "@plexum/codex-jsonl";
import { findRollout, readRollout, readThreadUsage, recoverRollout } from "@plexum/rollout";
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
  #sizeBefore = 0;
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
      await thread.#lookBack(threadId);
    }
    return thread;
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
    return this.#rollout === undefined ? undefined : usageOf(this.#rollout, this.#codexHome);
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

  /** codex is about to read the rollout: a mutation that was interrupted is finished first. */
  async #lookBack(threadId: string): Promise<void> {
    const rollout = await findRollout(threadId, { codexHome: this.#codexHome });
    if (rollout === undefined) return;
    await recoverRollout(rollout.path);
    this.#usageBefore = await usageOf(rollout.path, this.#codexHome);
    this.#sizeBefore = rollout.compressed ? await endOfLastLine(rollout.path) : (await stat(rollout.path)).size;
    // codex brings a compressed rollout back as a plain file when it resumes the thread.
    this.#rollout = rollout.path.replace(/\.zst$/, "");
  }

  async #hold(threadId: string): Promise<void> {
    this.#lock = await lockThread(this.#codexHome, threadId, { waitMs: LOCK_WAIT_MS });
    this.#threadId = threadId;
  }
}

const usageOf = async (rollout: string, codexHome: string) => (await readThreadUsage(rollout, { codexHome })).total;

async function endOfLastLine(rollout: string): Promise<number> {
  for await (const { offset, length } of readRollout(rollout, { direction: "backward" })) return offset + length + 1;
  return 0;
}
