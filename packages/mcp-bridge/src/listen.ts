import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, open, rename, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { McpBridgeError } from "./errors.ts";
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
  const directory = dirname(path);
  await ensurePrivateDirectory(directory);
  // Bound under a name of its own and moved into place: closing a server removes the name it was bound to, which by
  // then may be another bridge's socket.
  const bound = join(directory, `.${randomBytes(3).toString("hex")}`);
  checkSocketPath(bound);
  await listen(server, bound);
  try {
    await chmod(bound, 0o600);
    const own = await identityOf(bound);
    await oneAtATime(path, async () => {
      await checkReplaceable(path);
      await rename(bound, path);
    });
    return async () => {
      if ((await identityOf(path)) === own) await unlink(path).catch(ignoreMissing);
    };
  } catch (error) {
    server.close();
    throw error;
  }
}

async function ensurePrivateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    // EEXIST: something that is no directory, which the check below names.
    if (cause.code === "EEXIST") return;
    throw new McpBridgeError("socket-directory-unsafe", `The directory ${directory} can't be made: ${cause.message}`, {
      cause,
    });
  });
  const fault = directoryFault(await lstat(directory));
  if (fault) {
    throw new McpBridgeError(
      "socket-directory-unsafe",
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
  if (fault) throw new McpBridgeError("socket-path-taken", fault);
  if (await isListening(path)) throw socketInUse(path);
}

/** No one holds the lock for longer, unless it was killed meanwhile. */
export const LOCK_MS = 5000;

/** Between a look at the path and the move, no other bridge may do the same. */
export async function oneAtATime(path: string, task: () => Promise<void>): Promise<void> {
  const lock = `${path}.lock`;
  for (const end = Date.now() + 2 * LOCK_MS; ; ) {
    try {
      await (await open(lock, "wx", 0o600)).close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (Date.now() > end) throw socketInUse(path, error);
      const held = await lstat(lock).catch(ignoreMissing);
      if (held && Date.now() - held.mtimeMs > LOCK_MS) await unlink(lock).catch(ignoreMissing);
      else await delay(10);
    }
  }
  try {
    await task();
  } finally {
    await unlink(lock).catch(ignoreMissing);
  }
}

/** What tells one socket file from another at the same path: a number alone is soon given out again. */
async function identityOf(path: string): Promise<string | undefined> {
  const found = await lstat(path, { bigint: true }).catch(ignoreMissing);
  return found && `${found.ino} ${found.mtimeNs}`;
}

function socketInUse(path: string, cause?: unknown): McpBridgeError {
  return new McpBridgeError(
    "socket-in-use",
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
