import { constants } from "node:fs";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SessionStoreError } from "./errors.ts";
import { checkedFileName } from "./file-name.ts";
import { clearPath, setAsidePath } from "./regular-file.ts";
import { checkedThreadId, isThreadId } from "./thread-id.ts";

/** The file's name, and its content (the bare id), are those of the provider written in Go: the two can be swapped. */
export const CODEX_FILE_NAME = ".plexum-codex-session";

/** More than an id and a newline, so that a longer file is seen to be longer. */
const MAX_BYTES = 256;

/** A folder, a circle of links, a pipe or a socket. */
const NO_FILE = new Set(["EISDIR", "ELOOP", "ESPIPE", "ENXIO"]);

export interface LoadedThread {
  /** Undefined if the workspace has no thread yet, or no longer. */
  readonly threadId: string | undefined;
  /** What a person should know: the file is damaged, so that a thread is lost. Told until another is saved. */
  readonly warning?: string;
}

export interface WorkspaceThreadOptions {
  /** The file's name in the workspace; each CLI needs its own. Default: the one for codex. */
  readonly fileName?: string;
  /** What a whole id matches, of at most 255 characters without spaces around it. Default: a UUID, which is stored in lower case. */
  readonly idPattern?: RegExp;
}

/** Which thread a workspace goes on with. */
export class WorkspaceThread {
  readonly path: string;
  readonly #idPattern: RegExp | undefined;

  /** @throws SessionStoreError `invalid_file_name`. */
  constructor(workspace: string, options: WorkspaceThreadOptions = {}) {
    this.path = join(workspace, checkedFileName(options.fileName ?? CODEX_FILE_NAME));
    const { idPattern } = options;
    // Without the flags that make a pattern remember where it stopped, and anchored: half an id is none.
    this.#idPattern = idPattern && new RegExp(`^(?:${idPattern.source})$`, idPattern.flags.replace(/[gmy]/g, ""));
  }

  /**
   * Reads the thread's id. Changes nothing: whatever else stands in the file's place stays there until another id is saved.
   * @throws SessionStoreError `io`.
   */
  async load(): Promise<LoadedThread> {
    const threadId = await this.#read();
    if (threadId === undefined) return { threadId };
    if (this.#isId(threadId)) return { threadId: this.#idPattern ? threadId : threadId.toLowerCase() };
    return {
      threadId: undefined,
      warning: `${this.path} holds no thread id; once a new thread is saved there, it is set aside as ${this.path}.damaged-<time>`,
    };
  }

  /**
   * Replaces the file in one step, readable by its owner alone. Content that is no id is set aside, so that
   * it is not lost. One call at a time: hold the workspace's lock.
   * @throws SessionStoreError `invalid_thread_id` or `io`.
   */
  async save(threadId: string): Promise<void> {
    const content = this.#checked(threadId);
    const fresh = `${this.path}.new`;
    const before = await this.#read();
    try {
      // What a process left that was killed here.
      await clearPath(fresh);
      await writeDurably(fresh, content);
      if (before !== undefined && !this.#isId(before)) await this.#setAside();
      await rename(fresh, this.path);
      await syncFolder(dirname(this.path));
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => {});
      throw this.#error("write", error);
    }
  }

  /** Forgets the thread. The CLI's own record of it stays. */
  async clear(): Promise<void> {
    await clearPath(this.path).catch((error) => {
      throw this.#error("remove", error);
    });
  }

  #isId(text: string): boolean {
    // A longer one would be read cut off.
    return this.#idPattern ? this.#idPattern.test(text) && Buffer.byteLength(text) < MAX_BYTES : isThreadId(text);
  }

  #checked(id: string): string {
    if (this.#idPattern === undefined) return checkedThreadId(id);
    if (this.#isId(id) && id === id.trim()) return id;
    const quoted = JSON.stringify(id.slice(0, 80));
    throw new SessionStoreError(
      "invalid_thread_id",
      `${quoted} does not match the id pattern ${this.#idPattern.source}.`,
    );
  }

  /**
   * By a second name, so that the first is never without a file: after a crash there it would look as if there had never
   * been a thread. What can have one name only, such as a folder, is renamed.
   */
  async #setAside(): Promise<void> {
    const aside = setAsidePath(this.path);
    await link(this.path, aside).catch(() => rename(this.path, aside));
  }

  /** What the file holds, trimmed, cut off far behind an id; undefined if there is none, "" if it is no file to read from. */
  async #read(): Promise<string | undefined> {
    try {
      // Does not wait for a writer if it is a pipe.
      await using file = await open(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      return buffer.toString("utf8", 0, bytesRead).trim();
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

/** The name is on the disk too then. Not every system can. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r").catch(() => undefined);
  await folder?.sync().catch(() => {});
}

async function writeDurably(path: string, content: string): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(content);
  await file.sync();
}
