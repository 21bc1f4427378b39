import { randomBytes } from "node:crypto";
import { chmod, link, lstat, mkdir, rename, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
import { McpBridgeError } from "./errors.ts";
import { checkSocketPath, isNamedPipe } from "./socket-path.ts";

/**
 * Makes a server listen at a Unix socket path that only this user can reach, or at a named pipe. A socket that nobody
 * listens on any more is replaced; anything else that stands there stays.
 *
 * Returns what removes the socket file again, if it is still this server's. Call it before closing the server.
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
    const { ino } = await lstat(bound);
    await moveIntoPlace(bound, path);
    return async () => {
      const current = await lstat(path).catch(ignoreMissing);
      if (current?.ino === ino) await unlink(path).catch(ignoreMissing);
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
  const stat = await lstat(directory);
  const fault = !stat.isDirectory()
    ? "is not a directory: move it away"
    : stat.uid !== process.getuid?.()
      ? `belongs to user ${stat.uid}: remove it, or choose another socket path`
      : (stat.mode & 0o077) !== 0
        ? `is open to other users: run \`chmod 700\` on it, or choose another socket path`
        : undefined;
  if (fault) throw new McpBridgeError("socket-directory-unsafe", `The socket's directory ${directory} ${fault}`);
}

async function moveIntoPlace(bound: string, path: string): Promise<void> {
  // Twice: between the removal of a stale socket and the link, another bridge may come in.
  for (let attempt = 0; attempt < 2; attempt++) {
    await removeStale(path);
    try {
      // A hard link never replaces what is there, where a rename would.
      await link(bound, path);
      return await unlink(bound);
    } catch (error) {
      // A file system without hard links.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") return await rename(bound, path);
    }
  }
  throw socketInUse(path);
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(ignoreMissing);
  if (!found) return;
  if (!found.isSocket()) {
    const what = found.isSymbolicLink() ? "symbolic link" : found.isDirectory() ? "directory" : "file";
    throw new McpBridgeError(
      "socket-path-taken",
      `A ${what} stands at ${path}, where the socket should be: move it away`,
    );
  }
  if (found.uid !== process.getuid?.()) {
    throw new McpBridgeError(
      "socket-path-taken",
      `The socket ${path} belongs to user ${found.uid}: choose another path`,
    );
  }
  if (await isListening(path)) throw socketInUse(path);
  // Between the look and the removal another bridge may have put its own socket here: take it aside, and back if so.
  const aside = `${path}.${randomBytes(3).toString("hex")}`;
  await rename(path, aside);
  const isOther = (await lstat(aside)).ino !== found.ino;
  if (isOther) await link(aside, path).catch(() => {});
  await unlink(aside);
  if (isOther) throw socketInUse(path);
}

function socketInUse(path: string, cause?: unknown): McpBridgeError {
  return new McpBridgeError(
    "socket-in-use",
    `Another bridge is listening on ${path}: close it first, or choose another path`,
    {
      cause,
    },
  );
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    // ECONNREFUSED: no one has it open. Any other fault, say a full backlog, leaves the doubt with the living.
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"));
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

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
