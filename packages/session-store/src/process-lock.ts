import { closeSync, constants, openSync, realpathSync, statSync } from "node:fs";
import { access, chmod, lstat, mkdir, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { SessionStoreError } from "./errors.ts";
import { describeHolder } from "./lock-holder.ts";

export interface LockOptions {
  /** How long to wait for someone else to let go, in milliseconds; may be Infinity. Default 0: refused at once. */
  readonly waitMs?: number;
  /** Ends the waiting: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** Held until it is disposed of, or its process ends in whatever way. */
export type HeldLock = AsyncDisposable;

const POLL_MS = 25;

/** SQLITE_BUSY */
const BUSY = 5;

/** More than any real removal of the file needs; the bound is there so that nothing can keep us forever. */
const MAX_MOVES = 1000;

/** Who waits for a lock in this process, by its file. The system's lock is polled, and by itself serves whoever asks next. */
const queues = new Map<string, symbol[]>();

/**
 * Takes a lock that the operating system releases when the process ends, killed or not.
 *
 * Node has no file locks, but the SQLite inside it does, on every system: an exclusive transaction on an empty database,
 * to which nothing is ever written. The file stays, empty. Whoever removes it holds the lock on it meanwhile
 * (`removeLock`); who then holds the lock on a file that is no longer at the path holds nothing, and begins again.
 *
 * Callers in one process are served in the order in which they called.
 *
 * @throws SessionStoreError `busy`, or `io` if the file can't be made.
 */
export async function takeLock(path: string, what: string, options: LockOptions = {}): Promise<HeldLock> {
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

/** The same by whatever link the folder is reached, as far as it is there. */
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
        `${what} is in use by another turn or mutation${by}: wait for that to end, then try again.`,
      );
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

/**
 * Removes a lock file that nobody holds. False if somebody does, or it is younger than `minAgeMs`, or not there.
 *
 * The age keeps the comparison in `tryLock` sound: the system may give a removed file's number to the next one made, so
 * that only the time of change tells the two apart, and that is counted in steps of up to 10 ms.
 *
 * @throws SessionStoreError `io`.
 */
export async function removeLock(path: string, minAgeMs: number): Promise<boolean> {
  // There a file that is open can't be removed, and the lock is on an open file.
  if (process.platform === "win32" || ageOf(path) < minAgeMs) return false;
  const lock = await tryLock(path);
  if (typeof lock !== "object") return false;
  await using _held = lock;
  // While it is held, it is what stands at the path: nobody else may remove it.
  if (ageOf(path) < minAgeMs) return false;
  await unlink(path).catch((cause) => {
    throw new SessionStoreError("io", `The lock file ${path} can't be removed: ${(cause as Error).message}`, { cause });
  });
  return true;
}

/** Whether somebody holds the lock. If not, it is held for the moment that it takes to find out. */
export async function isHeld(path: string): Promise<boolean> {
  const lock = await tryLock(path);
  if (typeof lock === "object") await lock[Symbol.asyncDispose]();
  return lock === "busy";
}

/** In milliseconds; of a file that is not there, less than any age. */
export function ageOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? Number.NEGATIVE_INFINITY : Date.now() - stat.ctimeMs;
}

/** What tells one file at a path from the next that is made there. Undefined if there is none. */
function identityOf(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.dev} ${stat.ino} ${stat.ctimeNs}`;
}

/**
 * `moved` if what was locked is not certain to be what stands at the path: it was made just now, or removed by its last
 * holder. Nobody says which file SQLite has opened; but if the same one stood there before and afterwards, then that.
 */
async function tryLock(path: string): Promise<HeldLock | "busy" | "moved"> {
  // Not an import: bundlers that strip "node:" would leave a package that does not exist.
  const sqlite = process.getBuiltinModule("node:sqlite");
  let database: DatabaseSync | undefined;
  try {
    await prepareLockFile(path);
    const before = identityOf(path);
    database = new sqlite.DatabaseSync(path);
    // A file that may only be read is opened all the same, and its "exclusive" transactions exclude nobody.
    await access(path, constants.W_OK);
    // No journal in a file: there is nothing to write, and a killed holder would leave it behind.
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

/** Whoever may read a file may hold a lock on it, and with that keep its owner out. */
const OWNER_ONLY = 0o600;

/**
 * Sees to it that an empty file of this user alone stands at the path.
 *
 * A workspace may come from a stranger: what a link in it leads to, another program's database even, must not be opened, and
 * a pipe would be waited for without end.
 */
async function prepareLockFile(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (found === undefined) {
    createLockFile(path);
    return;
  }
  if (!found.isFile()) throw new Error(`it is ${found.isSymbolicLink() ? "a link" : "no file"}`);
  if (found.size > 0) throw new Error("it is not empty");
  // By its path, since POSIX systems release this process's locks on a file when any of its descriptors is closed. Where the file is
  // another user's, its owner has to do it.
  if ((found.mode & 0o077) !== 0)
    await chmod(path, OWNER_ONLY).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EPERM" && error.code !== "EROFS") throw error;
    });
}

/** In one go: between opening and closing, nobody in this process can have locked it. */
function createLockFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", OWNER_ONLY));
  } catch (error) {
    // Somebody else has made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

const unusable = (path: string, cause: unknown) =>
  new SessionStoreError(
    "io",
    `The lock file ${path} can't be used (${(cause as Error).message}): it must be an empty file, in a folder this user can write to.`,
    { cause },
  );
