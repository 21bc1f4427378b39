import { createHash, randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readdir, rename, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { McpBridgeError } from "../errors.ts";
import { directoryFault } from "./private-directory.ts";
import { checkSocketPath, isNamedPipe } from "./socket-path.ts";

/**
 * Makes a server listen at a Unix socket path that only this user can reach, or at a named pipe. A socket that nobody
 * listens on any more is replaced; anything else that stands there stays.
 *
 * Returns what removes the socket file again, if it is still this server's. Call it before closing the server, while the
 * kernel still keeps the file's number for it.
 *
 * @throws McpBridgeError with a `socket-…` code.
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
    // EEXIST: something that is no directory, which the check below names.
    if (cause.code === "EEXIST") return;
    throw new McpBridgeError("socket_directory_unsafe", `The directory ${directory} can't be made: ${cause.message}`, {
      cause,
    });
  });
  const fault = directoryFault(await lstat(directory));
  if (fault) {
    throw new McpBridgeError(
      "socket_directory_unsafe",
      `The socket's directory ${directory} ${fault}: make it a directory of your own with mode 700 (\`chmod 700\`), or choose another socket path`,
    );
  }
}

/** Throws unless nothing stands at the path, or a socket of ours that nobody listens on. */
async function checkReplaceable(path: string): Promise<void> {
  const found = await lstat(path).catch(ignoreMissing);
  if (!found) return;
  const what = found.isSymbolicLink() ? "symbolic link" : found.isDirectory() ? "directory" : "file";
  const fault = !found.isSocket()
    ? `A ${what} stands at ${path}, where the socket should be: move it away`
    : found.uid !== process.getuid?.()
      ? `The socket ${path} belongs to user ${found.uid}: choose another path`
      : undefined;
  if (fault) throw new McpBridgeError("socket_path_taken", fault);
  if (await isListening(path)) throw socketInUse(path);
}

/** How long one waits for others that want the same path. */
const WAIT_MS = 10_000;

/**
 * Has the server listen beside the path, and runs the task while nobody else runs one for this path: between a look at what
 * stands there and the change of it, no other bridge comes. The task is given the server's socket, to be moved or left.
 *
 * Who wants a path lays claim to it: gives its socket, on which it listens by then, a name that says so. Then it looks for
 * the claims of others, and runs its task only if nobody listens on any. Never do two: of two, the one that claimed later
 * looks after both claims, and finds the other's, or that its task is done.
 *
 * No clock decides whether a claim still counts, and nobody's is taken away. The kernel knows: it refuses a connection to
 * that of a process that was killed, and keeps that of one that was only stopped, until it goes on.
 *
 * @throws McpBridgeError `socket_in_use` if others claim the path for longer than 10 seconds.
 */
export async function oneAtATime<T>(server: Server, path: string, task: (claim: string) => Promise<T>): Promise<T> {
  const directory = dirname(path);
  const id = randomBytes(3).toString("hex");
  const claim = join(directory, claimPrefix(path) + id);
  checkSocketPath(claim);
  // Bound under a name that it does not keep: closing a server removes the name it was bound to, which must not be the
  // path, where another bridge's socket may be by then.
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
      // Of those that have claimed at once, the first by name stays, and the others give way to it.
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

/** What the names begin with of the sockets whose bridges want this path: a dot, and 6 digits for the path. */
export function claimPrefix(path: string): string {
  return `.${createHash("sha256").update(basename(path)).digest("hex").slice(0, 6)}`;
}

/** The claims to a path on which somebody listens, but for one's own. */
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

/** What tells one socket file from another at the same path: a number alone is soon given out again. */
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
    // Not the path alone: one that is a number is taken for a port.
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    // Refused: no one has it open. Any other fault, say a full backlog, leaves the doubt with the living.
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
