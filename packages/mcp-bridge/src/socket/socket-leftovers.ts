import { lstat, readdir, unlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { ignoreMissing, isListening, oneAtATime } from "./listen-privately.ts";
import { socketDirectories } from "./socket-path.ts";

/** The socket of a bridge that was killed: no process listens on it. */
export interface SocketLeftover {
  readonly path: string;
  /** Removes the socket. Resolves with false if a bridge now listens there, and leaves it, or if the socket is already gone. */
  remove(): Promise<boolean>;
}

const SOCKET = /^[0-9a-f]{24}\.sock$/;
/** A socket that was not yet moved to its path, with or without a claim to the path. */
const BOUND = /^\.([0-9a-f]{6}){1,2}$/;

/** The socket of a starting bridge looks the same between bind and listen, which takes far less than this. */
const STARTING_MS = 60_000;

/**
 * Returns the sockets of this user's bridges on which no process listens any more, in the directories that
 * `bridgeSocketPath` may choose in this environment. They do no harm. The next bridge of the same agent replaces its own,
 * except one with a unique path. There are none on Windows, where a named pipe ends with its process.
 *
 * @throws what the file system throws for a directory that can't be listed.
 */
export async function socketLeftovers(): Promise<SocketLeftover[]> {
  if (process.platform === "win32") return [];
  const leftovers: SocketLeftover[] = [];
  for (const directory of new Set(socketDirectories())) {
    // The content of another user's directory belongs to that user.
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
  // Its name is never reused.
  if (BOUND.test(name) && (await isOld(path)) && (await isDead(path)))
    return { path, remove: () => removeIfDead(path) };
  return undefined;
}

/** Claims the path as a bridge does, so that no bridge can appear between the check and the removal. */
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
    // Its bridge was still running, and has removed it in the meantime.
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
