import { randomUUID } from "node:crypto";
import { utimesSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { isErrno, JsonlEditError } from "../errors.ts";
import type { Files } from "../files.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";
import { setAside, type Warn } from "./set-aside.ts";

interface Holder extends ProcessIdentity {
  /** Identifies this one acquisition of the lock. */
  readonly nonce: string;
}

export interface AcquireOptions {
  /** How long to wait for another holder, in milliseconds. */
  readonly waitMs: number;
  readonly warn: Warn;
  readonly signal?: AbortSignal | undefined;
}

/**
 * How long a lock counts as held after its last touch, if its process can't be checked from here or can't be distinguished from
 * another. The holder touches it more often than that.
 */
const BELIEVED_MS = 60_000;
const TOUCH_MS = 10_000;
const FIRST_PAUSE_MS = 2;
/** A holder takes some 200 bytes. */
const MAX_BYTES = 64 * 1024;

/**
 * Acquires a lock, which is a file. It is written under another name and then linked, so that it is never there half written.
 * Disposing releases it.
 *
 * To remove a lock whose holder has ended, a process must hold a second lock, named after the first. The second lock is acquired by
 * the same rules. So of two processes that find a lock abandoned, neither can remove a lock that the other has just acquired.
 * Anything else under the lock's name is set aside in the same way.
 *
 * @throws JsonlEditError `busy`
 */
export async function acquireLock(files: Files, path: string, options: AcquireOptions): Promise<AsyncDisposable> {
  const mine: Holder = { ...ownIdentity(), nonce: randomUUID() };
  const deadline = performance.now() + options.waitMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, 50)) {
    options.signal?.throwIfAborted();
    if (await create(files, path, mine)) return held(files, path, mine);
    const found = await lockAt(files, path);
    if (found?.kind === "foreign") {
      await using _right = await acquireLock(files, `${path}-${found.inode}`, options);
      const now = await lockAt(files, path);
      if (now?.kind === "foreign" && now.inode === found.inode)
        await setAside(files, path, "the lock of an edit", options.warn);
      continue;
    }
    const holder = found?.holder;
    if (holder !== undefined && (await isGone(files, path, holder))) {
      await using _right = await acquireLock(files, `${path}-${holder.nonce}`, options);
      if ((await holderOf(files, path))?.nonce === holder.nonce) await files.unlink(path);
      continue;
    }
    // A lock that was released a moment ago can be acquired at once.
    const isFree = holder === undefined && pause === FIRST_PAUSE_MS;
    if (performance.now() >= deadline && !isFree) {
      const why =
        holder === undefined
          ? `the lock ${path} can't be acquired; try again, and if it stays there, remove it`
          : `process ${holder.pid} on ${holder.host} is editing this file; try again (its lock is ${path})`;
      throw new JsonlEditError("busy", path, why);
    }
    await delay(pause, undefined, { signal: options.signal });
  }
}

async function create(files: Files, path: string, mine: Holder): Promise<boolean> {
  const draft = `${path}-${mine.nonce}${DRAFT}`;
  try {
    await files.writeSmall(draft, Buffer.from(JSON.stringify(mine)));
    await files.link(draft, path);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  } finally {
    await files.unlink(draft);
  }
}

const DRAFT = "-draft";

export const isDraft = (path: string): boolean => path.endsWith(DRAFT);

type FoundLock =
  | { readonly kind: "lock"; readonly holder: Holder }
  | { readonly kind: "foreign"; readonly inode: string };

/** Reads what is under a lock's name. Returns undefined if there is nothing, and `foreign` for what no edit can have left there. */
async function lockAt(files: Files, path: string): Promise<FoundLock | undefined> {
  const bytes = await files.readSmall(path, MAX_BYTES);
  if (bytes === undefined) return undefined;
  const holder = bytes === "unfit" ? undefined : readHolder(bytes);
  if (holder !== undefined) return { kind: "lock", holder };
  const stat = await files.lstat(path);
  return stat && { kind: "foreign", inode: stat.ino.toString(16) };
}

async function holderOf(files: Files, path: string): Promise<Holder | undefined> {
  const found = await lockAt(files, path);
  return found?.kind === "lock" ? found.holder : undefined;
}

const BEGINNING = '{"pid":';

/** Returns undefined if the bytes are not a lock. */
function readHolder(bytes: Buffer): Holder | undefined {
  const text = bytes.toString("utf8");
  try {
    const { pid, started, host, boot, namespace, nonce } = JSON.parse(text) as Partial<Holder>;
    const isWhole = [started, host, boot, namespace].every((part) => typeof part === "string");
    return isWhole && Number.isSafeInteger(pid) && /^[0-9a-f-]+$/.test(nonce ?? "") ? JSON.parse(text) : undefined;
  } catch {
    // Only a power failure can leave it unreadable, and that also ended its holder.
    const isTorn = BEGINNING.startsWith(text.slice(0, BEGINNING.length)) || bytes.every((byte) => byte === 0);
    return isTorn ? { ...ownIdentity(), pid: 0, started: "", boot: "lost", nonce: "unreadable" } : undefined;
  }
}

/** Returns true if the process that holds the lock is alive, or may be. */
export async function isHeld(files: Files, path: string): Promise<boolean> {
  const holder = await holderOf(files, path);
  return holder !== undefined && !(await isGone(files, path, holder));
}

/**
 * Returns true for a draft of a lock whose writer has ended. A draft exists only for a moment. An incomplete one is kept for a
 * minute, since its writer can't be determined.
 */
export async function isAbandonedDraft(files: Files, path: string): Promise<boolean> {
  const holder = await holderOf(files, path);
  if (holder !== undefined && holder.nonce !== "unreadable") return isGone(files, path, holder);
  return isOld(files, path);
}

async function isGone(files: Files, path: string, holder: Holder): Promise<boolean> {
  const alive = isAlive(holder);
  return alive === undefined ? isOld(files, path) : !alive;
}

async function isOld(files: Files, path: string): Promise<boolean> {
  const stat = await files.lstat(path);
  return stat !== undefined && Date.now() - Number(stat.mtimeMs) > BELIEVED_MS;
}

function held(files: Files, path: string, mine: Holder): AsyncDisposable {
  const touch = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch {
      // The touch matters only to other machines and containers, and the next one may succeed.
    }
  }, TOUCH_MS).unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(touch);
      try {
        if ((await holderOf(files, path))?.nonce === mine.nonce) await files.unlink(path);
      } catch {
        // The work under the lock is done, or has failed with an error of its own. This error must not hide that one.
      }
    },
  };
}
