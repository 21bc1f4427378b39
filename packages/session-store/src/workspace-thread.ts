import { constants } from "node:fs";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SessionStoreError } from "./errors.ts";
import { checkedFileName } from "./file-name.ts";
import { clearPath, setAsidePath } from "./regular-file.ts";
import { checkedThreadId, isThreadId } from "./thread-id.ts";

/** The file's name and its content, only the id, are the same as in the provider written in Go, so that either can replace the other. */
export const CODEX_FILE_NAME = ".plexum-codex-session";

/** Longer than an id and a newline, so that a longer file can be recognized. */
const MAX_BYTES = 256;

/** The errors for a folder, a circular link, a pipe or a socket. */
const NO_FILE = new Set(["EISDIR", "ELOOP", "ESPIPE", "ENXIO"]);

export interface LoadedThread {
  /** Undefined if the workspace has no thread, or no longer has one. */
  readonly threadId: string | undefined;
  /** A message for the user: the file is damaged, so a thread is lost. Returned until another id is saved. */
  readonly warning?: string;
}

export interface WorkspaceThreadOptions {
  /** The file's name in the workspace; each CLI needs its own. @default ".plexum-codex-session" */
  readonly fileName?: string;
  /** Matches a whole id, of at most 255 bytes without surrounding spaces. Default: a UUID, which is stored in lower case. */
  readonly idPattern?: RegExp;
}

/** Remembers which thread a workspace continues. */
export class WorkspaceThread {
  readonly path: string;
  readonly #idPattern: RegExp | undefined;

  /** @throws SessionStoreError `invalid_file_name`. */
  constructor(workspace: string, options: WorkspaceThreadOptions = {}) {
    this.path = join(workspace, checkedFileName(options.fileName ?? CODEX_FILE_NAME));
    const { idPattern } = options;
    // Anchored, since a part of an id is not an id, and without the flags that make a pattern keep its position.
    this.#idPattern = idPattern && new RegExp(`^(?:${idPattern.source})$`, idPattern.flags.replace(/[gmy]/g, ""));
  }

  /**
   * Reads the thread's id. Changes nothing: anything else in the file's place stays there until another id is saved.
   *
   * @throws SessionStoreError `io`.
   */
  async load(): Promise<LoadedThread> {
    const threadId = await this.#read();
    if (threadId === undefined) return { threadId };
    if (this.#isId(threadId)) return { threadId: this.#idPattern ? threadId : threadId.toLowerCase() };
    return {
      threadId: undefined,
      warning: `${this.path} does not contain a thread id; when a new thread is saved there, it is set aside as ${this.path}.damaged-<time>`,
    };
  }

  /**
   * Replaces the file atomically. Only its owner may read it. Content that is not an id is set aside, so that it is not lost. Hold the
   * workspace's lock: only one call at a time is safe.
   *
   * @throws SessionStoreError `invalid_thread_id` or `io`.
   */
  async save(threadId: string): Promise<void> {
    const content = this.#checked(threadId);
    const fresh = `${this.path}.new`;
    const before = await this.#read();
    try {
      // The leftover of a process that was killed here.
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

  /** Forgets the thread. The CLI's own record of it stays. @throws SessionStoreError `io`. */
  async clear(): Promise<void> {
    await clearPath(this.path).catch((error) => {
      throw this.#error("remove", error);
    });
  }

  #isId(text: string): boolean {
    // A longer id would be truncated when it is read.
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
   * Sets the file aside under a second name, and keeps the first: if a crash left the workspace without the file, its thread would seem
   * never to have existed. Anything that can't have two names, such as a folder, is renamed.
   */
  async #setAside(): Promise<void> {
    const aside = setAsidePath(this.path);
    await link(this.path, aside).catch(() => rename(this.path, aside));
  }

  /** Returns the beginning of the file, longer than any id, trimmed. Returns undefined if there is no file, "" if it can't contain text. */
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
      `Could not ${verb} ${this.path} (${(cause as Error).message}): the workspace must be a folder that this user can write to.`,
      {
        cause,
      },
    );
  }
}

/** Flushes a folder to disk, so that a new name in it survives a power failure. Does nothing on systems that can't. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r").catch(() => undefined);
  await folder?.sync().catch(() => {});
}

async function writeDurably(path: string, content: string): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(content);
  await file.sync();
}
