import { lstat, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing, isListening, LOCK_MS, oneAtATime } from "./listen.ts";
import { socketDirectories } from "./socket-path.ts";

/** What a bridge left that was killed. */
export interface SocketLeftover {
  readonly path: string;
  /** `socket`: nobody listens on it. `lock`: kept other bridges from the path beside it. */
  readonly kind: "socket" | "lock";
  /** False if a bridge has come there meanwhile: then it stays. */
  remove(): Promise<boolean>;
}

const SOCKET = /^[0-9a-f]{24}\.sock$/;
const LOCK = /^[0-9a-f]{24}\.sock\.lock$/;
/** A socket between being bound and being moved to its path. */
const BOUND = /^\.[0-9a-f]{6}$/;

/** Far longer than a bridge takes from one to the other, so that what is this old was left by one that was killed. */
const STARTING_MS = 12 * LOCK_MS;

/**
 * The sockets of this user's bridges on which nobody listens any more, in the directories that `bridgeSocketPath` may
 * choose in this environment. They do no harm: the next bridge of the same agent replaces its own. None on Windows, where
 * a named pipe goes with its process.
 *
 * @throws what the file system throws for a directory that can't be listed.
 */
export async function socketLeftovers(): Promise<SocketLeftover[]> {
  if (process.platform === "win32") return [];
  const leftovers: SocketLeftover[] = [];
  for (const directory of new Set(socketDirectories())) {
    // What is in another user's directory is that user's.
    if ((await lstat(directory).catch(ignoreMissing))?.uid !== process.getuid?.()) continue;
    for (const name of (await readdir(directory).catch(ignoreMissing)) ?? []) {
      const path = join(directory, name);
      const leftover = await leftoverAt(path, name);
      if (leftover !== undefined) leftovers.push(leftover);
    }
  }
  return leftovers;
}

async function leftoverAt(path: string, name: string): Promise<SocketLeftover | undefined> {
  if (SOCKET.test(name) && (await isDead(path))) {
    return { path, kind: "socket", remove: () => removeBesideBridges(path) };
  }
  if (BOUND.test(name) && (await isOld(path)) && (await isDead(path))) {
    // Its name is never used again.
    return { path, kind: "socket", remove: () => removeIf(path, isDead) };
  }
  if (LOCK.test(name) && (await isOld(path))) return { path, kind: "lock", remove: () => removeIf(path, isOld) };
  return undefined;
}

/** Bridges look at the path and take it under the same lock, so none can come between the look and the removal. */
async function removeBesideBridges(path: string): Promise<boolean> {
  let removed = false;
  await oneAtATime(path, async () => {
    removed = await removeIf(path, isDead);
  });
  return removed;
}

async function removeIf(path: string, isLeftover: (path: string) => Promise<boolean>): Promise<boolean> {
  if (!(await isLeftover(path))) return false;
  await unlink(path).catch(ignoreMissing);
  return true;
}

async function isDead(path: string): Promise<boolean> {
  const found = await lstat(path).catch(ignoreMissing);
  return found?.isSocket() === true && found.uid === process.getuid?.() && !(await isListening(path));
}

async function isOld(path: string): Promise<boolean> {
  const found = await lstat(path).catch(ignoreMissing);
  return found !== undefined && found.uid === process.getuid?.() && Date.now() - found.mtimeMs > STARTING_MS;
}
