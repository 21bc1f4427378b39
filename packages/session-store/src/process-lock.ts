import { constants } from "node:fs";
import { access, lstat, mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { SessionStoreError } from "./errors.ts";

export interface LockOptions {
  /** How long to wait for someone else to let go, in milliseconds. Default 0: refused at once. */
  readonly waitMs?: number;
  /** Ends the waiting: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** Held until it is disposed of, or its process ends in whatever way. */
export type HeldLock = AsyncDisposable;

const POLL_MS = 25;

/** SQLITE_BUSY */
const BUSY = 5;

/**
 * Takes a lock that the operating system lets go of when the process ends, killed or not.
 *
 * Node has no file locks, but the SQLite inside it does, on every system: an exclusive transaction on an empty database,
 * to which nothing is ever written. The file stays, empty: removing it would let two processes hold "the" lock, one on
 * the old file and one on the new.
 *
 * @throws SessionStoreError `busy`, or `io` if the file can't be made.
 */
export async function takeLock(path: string, what: string, options: LockOptions = {}): Promise<HeldLock> {
  const { waitMs = 0, signal } = options;
  const deadline = performance.now() + waitMs;
  const file = resolve(path);
  await mkdir(dirname(file), { recursive: true }).catch((cause) => {
    throw unusable(file, cause);
  });
  for (;;) {
    signal?.throwIfAborted();
    const lock = await tryLock(file);
    if (lock !== undefined) return lock;
    if (performance.now() >= deadline) {
      throw new SessionStoreError("busy", `${what} is in use by another turn: wait for it to end, then try again.`);
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

async function tryLock(path: string): Promise<HeldLock | undefined> {
  const sqlite = await import("node:sqlite");
  let database: DatabaseSync | undefined;
  try {
    await assertLockFile(path);
    database = new sqlite.DatabaseSync(path);
    // A file that may only be read is opened all the same, and its "exclusive" transactions exclude nobody.
    await access(path, constants.W_OK);
    // No journal in a file: there is nothing to write, and a killed holder would leave it behind.
    database.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === BUSY) return undefined;
    throw unusable(path, error);
  }
  const held = database;
  return {
    async [Symbol.asyncDispose]() {
      if (held.isOpen) held.close();
    },
  };
}

/**
 * A workspace may come from a stranger: what a link in it leads to, another program's database even, must not be opened, and
 * a pipe would be waited for without end.
 */
async function assertLockFile(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (found === undefined) return;
  if (!found.isFile()) throw new Error(`it is ${found.isSymbolicLink() ? "a link" : "no file"}`);
  if (found.size > 0) throw new Error("it is not empty");
}

const unusable = (path: string, cause: unknown) =>
  new SessionStoreError(
    "io",
    `The lock file ${path} can't be used (${(cause as Error).message}): it must be an empty file, in a folder this user can write to.`,
    { cause },
  );
