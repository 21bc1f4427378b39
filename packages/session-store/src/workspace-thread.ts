import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SessionStoreError } from "./errors.ts";
import { checkedThreadId, isThreadId } from "./thread-id.ts";

/** The file's name, and its content (the bare id), are those of the provider written in Go: the two can be swapped. */
const FILE_NAME = ".plexum-codex-session";

export interface LoadedThread {
  /** Undefined if the workspace has no thread yet, or no longer. */
  readonly threadId: string | undefined;
  /** What a person should know: the file was damaged and where it is now. */
  readonly warning?: string;
}

/** Which thread a workspace goes on with. */
export class WorkspaceThread {
  readonly path: string;

  constructor(workspace: string) {
    this.path = join(workspace, FILE_NAME);
  }

  /**
   * Reads the thread's id. A file that holds no UUID is set aside, so that it is neither used nor lost.
   * @throws SessionStoreError `io`.
   */
  async load(): Promise<LoadedThread> {
    const text = await readFile(this.path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw this.#error("read", error);
    });
    if (text === undefined) return { threadId: undefined };
    const threadId = text.trim();
    if (isThreadId(threadId)) return { threadId: threadId.toLowerCase() };
    const aside = `${this.path}.damaged-${new Date().toISOString().replaceAll(":", "")}`;
    await rename(this.path, aside).catch((error) => {
      throw this.#error("set aside", error);
    });
    return {
      threadId: undefined,
      warning: `${this.path} held no thread id and was set aside as ${aside}; the next turn begins a new thread`,
    };
  }

  /**
   * Replaces the file in one step, readable by its owner alone.
   * @throws SessionStoreError `invalid_thread_id` or `io`.
   */
  async save(threadId: string): Promise<void> {
    const content = checkedThreadId(threadId);
    const fresh = join(dirname(this.path), `${FILE_NAME}.${randomUUID()}.new`);
    try {
      await using file = await open(fresh, "wx", 0o600);
      await file.writeFile(content);
      await file.sync();
      await rename(fresh, this.path);
    } catch (error) {
      await rm(fresh, { force: true });
      throw this.#error("write", error);
    }
  }

  /** Forgets the thread. Codex's own record of it stays. */
  async clear(): Promise<void> {
    await rm(this.path, { force: true }).catch((error) => {
      throw this.#error("remove", error);
    });
  }

  #error(verb: string, cause: unknown): SessionStoreError {
    return new SessionStoreError(
      "io",
      `Could not ${verb} ${this.path} (${(cause as Error).message}): the workspace must be a folder this user can write to.`,
      {
        cause,
      },
    );
  }
}
