import { homesOfRollout } from "@plexum/rollout";
import { type LockOptions, lockThread } from "@plexum/session-store";

/** The locks of one thread: in the home for which they were requested, and in each other home that shares its rollout. */
export class ThreadLocks implements AsyncDisposable {
  readonly threadId: string;
  readonly #codexHome: string;
  readonly #options: LockOptions;
  readonly #held = new AsyncDisposableStack();

  private constructor(codexHome: string, threadId: string, options: LockOptions) {
    this.#codexHome = codexHome;
    this.threadId = threadId;
    this.#options = options;
  }

  /** Locks a thread in a home. @throws SessionStoreError `busy`, `io` or `invalid_thread_id`. */
  static async acquire(codexHome: string, threadId: string, options: LockOptions = {}): Promise<ThreadLocks> {
    const locks = new ThreadLocks(codexHome, threadId, options);
    await locks.#lockIn(codexHome);
    return locks;
  }

  /**
   * Also locks the thread in the other homes that links of this one lead into: a turn or a mutation there writes to the same file.
   * @throws SessionStoreError `busy` or `io`. Locks that are already held stay held.
   */
  async acquireForRollout(path: string): Promise<void> {
    for (const home of homesOfRollout(this.#codexHome, path)) if (home !== this.#codexHome) await this.#lockIn(home);
  }

  async #lockIn(home: string): Promise<void> {
    this.#held.use(await lockThread(home, this.threadId, this.#options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }
}
