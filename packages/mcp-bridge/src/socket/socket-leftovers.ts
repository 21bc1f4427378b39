import { lstat, readdir, unlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { ignoreMissing, isListening, oneAtATime } from "./listen.ts";
import { socketDirectories } from "./socket-path.ts";

/** The socket of a bridge that was killed: nobody listens on it. */
export interface SocketLeftover {
  readonly path: string;
  /** False if a bridge has come there meanwhile, and it stays; or if it is gone already. */
  remove(): Promise<boolean>;
}

const SOCKET = /^[0-9a-f]{24}\.sock$/;
/** A socket that was not yet moved to its path, without or with a claim to it. */
const BOUND = /^\.([0-9a-f]{6}){1,2}$/;

/** While it is bound and not yet listened on, that of a bridge that starts looks the same: far less than this. */
const STARTING_MS = 60_000;

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
  if (SOCKET.test(name) && (await isDead(path))) return { path, remove: () => removeBesideBridges(path) };
  // Its name is never used again.
  if (BOUND.test(name) && (await isOld(path)) && (await isDead(path)))
    return { path, remove: () => removeIfDead(path) };
  return undefined;
}

/** As a bridge looks at the path and takes it: so none can come between the look and the removal. */
async function removeBesideBridges(path: string): Promise<boolean> {
  const server = createServer((socket) => socket.destroy());
  try {
    return await oneAtATime(server, path, () => removeIfDead(path));
  } finally {
    server.close();
  }
}

async function removeIfDead(path: string): Promise<boolean> {
  if (!(await isDead(path))) return false;
  return await unlink(path).then(
    () => true,
    // Its bridge was there still, and has removed it meanwhile.
    (error) => ignoreMissing(error) ?? false,
  );
}

async function isDead(path: string): Promise<boolean> {
  const found = await lstat(path).catch(ignoreMissing);
  return found?.isSocket() === true && found.uid === process.getuid?.() && !(await isListening(path));
}

async function isOld(path: string): Promise<boolean> {
  const found = await lstat(path).catch(ignoreMissing);
  return found !== undefined && Date.now() - found.mtimeMs > STARTING_MS;
}
