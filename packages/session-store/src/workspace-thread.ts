import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SessionStoreError } from "./errors.ts";
import { checkedThreadId, isThreadId } from "./thread-id.ts";

/** The file's name, and its content (the bare id), are those of the provider written in Go: the two can be swapped. */
const FILE_NAME = ".plexum-codex-session";

/** More than an id and a newline, so that a longer file is seen to be longer. */
const MAX_BYTES = 256;

/** A folder, a circle of links, a pipe or a socket. */
const NO_FILE = new Set(["EISDIR", "ELOOP", "ESPIPE", "ENXIO"]);

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
   * Reads the thread's id. Whatever else stands in the file's place is set aside, so that it is neither used nor lost.
   * @throws SessionStoreError `io`.
   */
  async load(): Promise<LoadedThread> {
    const text = await this.#read();
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
      await writeDurably(fresh, content);
      await rename(fresh, this.path);
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => {});
      throw this.#error("write", error);
    }
  }

  /** Forgets the thread. Codex's own record of it stays. */
  async clear(): Promise<void> {
    await rm(this.path, { force: true }).catch((error) => {
      throw this.#error("remove", error);
    });
  }

  /** What the file holds, cut off far behind an id; undefined if there is none, "" if it is no file to read from. */
  async #read(): Promise<string | undefined> {
    try {
      // Does not wait for a writer if it is a pipe.
      await using file = await open(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return undefined;
      if (NO_FILE.has(code)) return "";
      throw this.#error("read", error);
    }
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

async function writeDurably(path: string, content: string): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(content);
  await file.sync();
}
