import { closeSync, constants, openSync, realpathSync, statSync } from "node:fs";
import { access, chmod, lstat, mkdir, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { SessionStoreError } from "./errors.ts";
import { describeHolder } from "./lock-holder.ts";

export interface LockOptions {
  /** How long to wait for the holder to release the lock, in milliseconds; may be Infinity. @default 0 */
  readonly waitMs?: number;
  /** Ends the waiting; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** A lock that is held until it is disposed of, or until its process ends for any reason. */
export type HeldLock = AsyncDisposable;

const POLL_MS = 25;

/** SQLITE_BUSY */
const BUSY = 5;

/** How often the file may be replaced while it is being locked: more often than happens, but not forever. */
const MAX_MOVES = 1000;

/** The callers in this process that wait for a lock, by its file. The system's lock is polled, which alone would keep no order. */
const queues = new Map<string, symbol[]>();

/**
 * Acquires a lock that the operating system releases when the process ends, even if it is killed.
 *
 * Node has no file locks, but its built-in SQLite has them on every system: the lock is an exclusive transaction on an empty database,
 * to which nothing is ever written. The file stays, empty. `removeLock` removes it while it holds the lock. A caller that then holds
 * the lock on a file that is no longer at the path tries again.
 *
 * Callers in one process get the lock in the order in which they called.
 *
 * @throws SessionStoreError `busy`, or `io` if the file can't be created; the reason of an aborted `signal`.
 */
export async function acquireLock(path: string, what: string, options: LockOptions = {}): Promise<HeldLock> {
  const file = resolve(path);
  const key = queueKey(file);
  const queue = queues.get(key) ?? [];
  const ticket = Symbol(file);
  queues.set(key, queue);
  queue.push(ticket);
  try {
    return await waitForLock(file, what, options, () => queue[0] === ticket);
  } finally {
    queue.splice(queue.indexOf(ticket), 1);
    if (queue.length === 0) queues.delete(key);
  }
}

/** Returns the same key for every link to the folder. If the folder does not exist, returns the path itself. */
function queueKey(file: string): string {
  try {
    return join(realpathSync(dirname(file)), basename(file));
  } catch {
    return file;
  }
}

async function waitForLock(
  file: string,
  what: string,
  { waitMs = 0, signal }: LockOptions,
  isNext: () => boolean,
): Promise<HeldLock> {
  const deadline = performance.now() + waitMs;
  await mkdir(dirname(file), { recursive: true }).catch((cause) => {
    throw unusable(file, cause);
  });
  for (let moves = 0; ; ) {
    signal?.throwIfAborted();
    const lock = isNext() ? await tryLock(file) : "busy";
    if (lock === "moved" && moves++ < MAX_MOVES) continue;
    if (typeof lock === "object") return lock;
    if (performance.now() >= deadline) {
      const holder = describeHolder(file);
      const by = holder === undefined ? "" : ` (its lock is held by ${holder})`;
      throw new SessionStoreError(
        "busy",
        `${what} is in use by another turn or mutation${by}: wait until that ends, then try again.`,
      );
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

/**
 * Removes a lock file. Returns false if the lock is held, or if the file is younger than `minAgeMs` or does not exist.
 *
 * The age keeps the comparison in `tryLock` sound: the system may reuse a removed file's inode number for the next file. Then only
 * the time of change distinguishes the two, and its resolution may be as low as 10 ms.
 *
 * @throws SessionStoreError `io`.
 */
export async function removeLock(path: string, minAgeMs: number): Promise<boolean> {
  // Windows can't remove an open file, and the lock is on an open file.
  if (process.platform === "win32" || ageOf(path) < minAgeMs) return false;
  const lock = await tryLock(path);
  if (typeof lock !== "object") return false;
  await using _held = lock;
  // While the lock is held, its file stays at the path: only the holder may remove it.
  if (ageOf(path) < minAgeMs) return false;
  await unlink(path).catch((cause) => {
    throw new SessionStoreError("io", `The lock file ${path} can't be removed: ${(cause as Error).message}`, { cause });
  });
  return true;
}

/** Returns whether the lock is held. If it is not, the check itself holds it for a moment. */
export async function isHeld(path: string): Promise<boolean> {
  const lock = await tryLock(path);
  if (typeof lock === "object") await lock[Symbol.asyncDispose]();
  return lock === "busy";
}

/** Returns a file's age in milliseconds. The age of a missing file is lower than any other. */
export function ageOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? Number.NEGATIVE_INFINITY : Date.now() - stat.ctimeMs;
}

/** Returns what distinguishes a file from a later one at the same path; undefined if there is none. */
function identityOf(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.dev} ${stat.ino} ${stat.ctimeNs}`;
}

/**
 * Tries once to acquire the lock. Returns `moved` if the locked file may not be the file at the path: it was created just now, or its
 * last holder removed it. SQLite does not report which file it has opened. But if the same file was there before and after, it is that
 * one.
 */
async function tryLock(path: string): Promise<HeldLock | "busy" | "moved"> {
  // Not an import: bundlers that strip "node:" would leave a package that does not exist.
  const sqlite = process.getBuiltinModule("node:sqlite");
  let database: DatabaseSync | undefined;
  try {
    await prepareLockFile(path);
    const before = identityOf(path);
    database = new sqlite.DatabaseSync(path);
    // SQLite also opens a read-only file, but then its "exclusive" transactions exclude nobody.
    await access(path, constants.W_OK);
    // No journal file: nothing is written, and a killed holder would leave the journal behind.
    database.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    if (before === undefined || before !== identityOf(path)) {
      database.close();
      return "moved";
    }
  } catch (error) {
    if (database?.isOpen) database.close();
    if ((error as { errcode?: number }).errcode === BUSY) return "busy";
    // Removed while it was being opened.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "moved";
    throw unusable(path, error);
  }
  const held = database;
  return {
    async [Symbol.asyncDispose]() {
      if (held.isOpen) held.close();
    },
  };
}

/** Any user who may read a file can lock it, and so lock out its owner. */
const OWNER_ONLY = 0o600;

/**
 * Ensures that there is an empty file at the path that only this user may access.
 *
 * A workspace may come from a stranger. The target of a link in it must not be opened, since it may be another program's database, and
 * opening a pipe would wait forever.
 */
async function prepareLockFile(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (found === undefined) {
    createLockFile(path);
    return;
  }
  if (!found.isFile()) throw new Error(`it is ${found.isSymbolicLink() ? "a link" : "not a file"}`);
  if (found.size > 0) throw new Error("it is not empty");
  // By its path, since POSIX systems release this process's locks on a file when any of its descriptors is closed. The mode of
  // another user's file is up to its owner.
  if ((found.mode & 0o077) !== 0)
    await chmod(path, OWNER_ONLY).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EPERM" && error.code !== "EROFS") throw error;
    });
}

/** Creates the file synchronously, so that nothing in this process can lock it between opening and closing. */
function createLockFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", OWNER_ONLY));
  } catch (error) {
    // Another process has created it in the meantime.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

const unusable = (path: string, cause: unknown) =>
  new SessionStoreError(
    "io",
    `The lock file ${path} can't be used (${(cause as Error).message}): it must be an empty file in a folder that this user can write to.`,
    { cause },
  );
