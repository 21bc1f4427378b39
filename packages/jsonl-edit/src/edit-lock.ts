import { randomUUID } from "node:crypto";
import { utimesSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { isErrno, RolloutError } from "./errors.ts";
import type { Files } from "./files.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

interface Holder extends ProcessIdentity {
  /** Of this one time that the lock is held. */
  readonly nonce: string;
}

export interface LockOptions {
  /** How long to wait for another holder, in milliseconds. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** How long a lock is believed of a process that can't be looked at from here, or not told from another. Its holder touches it more often than that. */
export const BELIEVED_MS = 60_000;
const TOUCH_MS = 10_000;
const FIRST_PAUSE_MS = 2;

/**
 * Takes a lock that is a file: made whole under another name and then linked, so that it never is there half written.
 * Disposing gives it back.
 *
 * A lock whose holder is gone is removed by whoever holds the lock named after it. That one is taken by the same rules, so that of
 * two who find a lock abandoned, never one removes what the other has just taken.
 *
 * @throws RolloutError `busy`
 */
export async function acquireLock(files: Files, path: string, options: LockOptions): Promise<AsyncDisposable> {
  const mine: Holder = { ...ownIdentity(), nonce: randomUUID() };
  const deadline = performance.now() + options.waitMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, 50)) {
    options.signal?.throwIfAborted();
    if (await create(files, path, mine)) return held(files, path, mine);
    const holder = await holderOf(files, path);
    if (holder !== undefined && (await isGone(files, path, holder))) {
      await using _right = await acquireLock(files, `${path}-${holder.nonce}`, options);
      if ((await holderOf(files, path))?.nonce === holder.nonce) await files.unlink(path);
      continue;
    }
    // One that was given back in this moment may be had at once.
    const isFree = holder === undefined && pause === FIRST_PAUSE_MS;
    if (performance.now() >= deadline && !isFree) {
      const why =
        holder === undefined
          ? `the lock ${path} can't be taken; try again, and if it stays there, remove it`
          : `process ${holder.pid} on ${holder.host} is changing this rollout; try again (its lock is ${path})`;
      throw new RolloutError("busy", path, why);
    }
    await delay(pause, undefined, { signal: options.signal });
  }
}

async function create(files: Files, path: string, mine: Holder): Promise<boolean> {
  const draft = `${path}-${mine.nonce}-draft`;
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

async function holderOf(files: Files, path: string): Promise<Holder | undefined> {
  const bytes = await files.readSmall(path);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8")) as Holder;
  } catch {
    // Only a machine that lost power can leave it unreadable, and with it its holder.
    return { pid: 0, started: "", host: ownIdentity().host, boot: "lost", namespace: "", nonce: "unreadable" };
  }
}

/** Whether somebody holds the lock who lives, or may. */
export async function isHeld(files: Files, path: string): Promise<boolean> {
  const holder = await holderOf(files, path);
  return holder !== undefined && !(await isGone(files, path, holder));
}

async function isGone(files: Files, path: string, holder: Holder): Promise<boolean> {
  const alive = isAlive(holder);
  if (alive !== undefined) return !alive;
  const stat = await files.stat(path);
  return stat !== undefined && Date.now() - Number(stat.mtimeMs) > BELIEVED_MS;
}

function held(files: Files, path: string, mine: Holder): AsyncDisposable {
  const touch = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch {
      // It matters only to another machine or container, and next time it may work.
    }
  }, TOUCH_MS).unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(touch);
      try {
        if ((await holderOf(files, path))?.nonce === mine.nonce) await files.unlink(path);
      } catch {
        // What was done under the lock is done, or has failed with an error of its own that must not be hidden by this one.
      }
    },
  };
}
