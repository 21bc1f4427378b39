import { createHash, randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readdir, rename, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { McpBridgeError } from "../errors.ts";
import { directoryFault } from "./private-directory.ts";
import { checkSocketPath, isNamedPipe } from "./socket-path.ts";

/**
 * Makes a server listen at a Unix socket path that only this user can reach, or at a named pipe. Replaces a socket that no
 * process listens on any more; leaves anything else that is there.
 *
 * Returns a function that removes the socket file, if it is still this server's. Call it before closing the server, while
 * the kernel still reserves the file's inode number for it.
 *
 * @throws McpBridgeError with a `socket_…` code.
 */
export async function listenPrivately(server: Server, path: string): Promise<() => Promise<void>> {
  checkSocketPath(path);
  if (isNamedPipe(path)) {
    await listen(server, path);
    return async () => {};
  }
  await ensurePrivateDirectory(dirname(path));
  try {
    return await oneAtATime(server, path, async (claim) => {
      await checkReplaceable(path);
      const own = await identityOf(claim);
      await rename(claim, path);
      return async () => {
        if ((await identityOf(path)) === own) await unlink(path).catch(ignoreMissing);
      };
    });
  } catch (error) {
    server.close();
    throw error;
  }
}

async function ensurePrivateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    // EEXIST: not a directory, which the check below reports.
    if (cause.code === "EEXIST") return;
    throw new McpBridgeError(
      "socket_directory_unsafe",
      `The directory ${directory} can't be created: ${cause.message}`,
      {
        cause,
      },
    );
  });
  const fault = directoryFault(await lstat(directory));
  if (fault) {
    throw new McpBridgeError(
      "socket_directory_unsafe",
      `The socket's directory ${directory} ${fault}: make it a directory of your own with mode 700 (\`chmod 700\`), or choose another socket path`,
    );
  }
}

/** @throws McpBridgeError `socket_path_taken` unless the path is free, or holds a socket of ours that no process listens on. */
async function checkReplaceable(path: string): Promise<void> {
  const found = await lstat(path).catch(ignoreMissing);
  if (!found) return;
  const what = found.isSymbolicLink() ? "symbolic link" : found.isDirectory() ? "directory" : "file";
  const fault = !found.isSocket()
    ? `A ${what} is at ${path}, where the socket should be: move it away`
    : found.uid !== process.getuid?.()
      ? `The socket ${path} belongs to user ${found.uid}: choose another path`
      : undefined;
  if (fault) throw new McpBridgeError("socket_path_taken", fault);
  if (await isListening(path)) throw socketInUse(path);
}

/** How long to wait for others that claim the same path. */
const WAIT_MS = 10_000;

/**
 * Makes the server listen next to the path, and runs the task while nobody else runs one for this path, so that no other
 * bridge can appear between a check of the path and a change of it. The task gets the server's socket, and may move it.
 *
 * A bridge claims a path by renaming its socket, on which it already listens, to a name that marks the claim. Then it looks
 * for the claims of others, and runs its task only if nobody listens on any. Two bridges never both run it: of two, the one
 * that claimed later looks when both claims exist, and finds the other's claim, or that the other's task is done.
 *
 * No clock decides whether a claim is still valid, and nobody removes the claim of another. The kernel knows: it refuses a
 * connection to the claim of a killed process, and queues one to that of a stopped process until the process continues.
 *
 * @throws McpBridgeError `socket_in_use` if others claim the path for longer than 10 seconds.
 */
export async function oneAtATime<T>(server: Server, path: string, task: (claim: string) => Promise<T>): Promise<T> {
  const directory = dirname(path);
  const id = randomBytes(3).toString("hex");
  const claim = join(directory, claimPrefix(path) + id);
  checkSocketPath(claim);
  // Bound under a temporary name: closing a server removes the name it was bound to. That must not be the path, where
  // another bridge's socket may be by then.
  const bound = join(directory, `.${id}`);
  await listen(server, bound);
  await chmod(bound, 0o600);
  const end = Date.now() + WAIT_MS;
  const wait = async () => {
    if (Date.now() > end) throw socketInUse(path);
    await delay(10);
  };
  try {
    for (;;) {
      while ((await othersClaiming(path, claim)).length > 0) await wait();
      await rename(bound, claim);
      let others = await othersClaiming(path, claim);
      // Of simultaneous claims, the first by name stays, and the others give way to it.
      while (others.length > 0 && others.every((other) => claim < other)) {
        await wait();
        others = await othersClaiming(path, claim);
      }
      if (others.length === 0) return await task(claim);
      await rename(claim, bound);
    }
  } finally {
    await rename(claim, bound).catch(ignoreMissing);
  }
}

/** Returns the prefix of the names of sockets whose bridges claim this path: a dot, and 6 digits for the path. */
export function claimPrefix(path: string): string {
  return `.${createHash("sha256").update(basename(path)).digest("hex").slice(0, 6)}`;
}

/** Returns the claims of others to a path on which a process listens. */
async function othersClaiming(path: string, own: string): Promise<string[]> {
  const prefix = claimPrefix(path);
  const others: string[] = [];
  for (const name of await readdir(dirname(path))) {
    const claim = join(dirname(path), name);
    const isClaim = name.startsWith(prefix) && name.length > prefix.length;
    if (isClaim && claim !== own && (await isListening(claim))) others.push(claim);
  }
  return others;
}

/** Distinguishes one socket file from another at the same path: an inode number alone is soon reused. */
async function identityOf(path: string): Promise<string | undefined> {
  const found = await lstat(path, { bigint: true }).catch(ignoreMissing);
  return found && `${found.ino} ${found.mtimeNs}`;
}

function socketInUse(path: string, cause?: unknown): McpBridgeError {
  return new McpBridgeError(
    "socket_in_use",
    `Another bridge is listening on ${path}: close it first, or choose another path`,
    { cause },
  );
}

export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    // As an option: as an argument, a path that is a number is taken for a port.
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    // Refused: no process has it open. On any other error, such as a full backlog, assume that a process listens.
    probe.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException) =>
      reject(cause.code === "EADDRINUSE" ? socketInUse(path, cause) : cause);
    server.once("error", onError);
    server.listen(path, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

export function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
