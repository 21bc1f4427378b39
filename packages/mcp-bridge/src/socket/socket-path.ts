import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { McpBridgeError } from "../errors.ts";

/** The capacity of the kernel's address structure, without the NUL at its end. */
const MAX_SOCKET_PATH_BYTES = process.platform === "linux" ? 107 : 103;

/**
 * Returns where an agent's bridge listens by default: the same path each time for the same agent and user. It is a Unix
 * socket in a directory of the user's own, or a named pipe on Windows. Accesses no file.
 */
export function bridgeSocketPath(agentId: string): string {
  const name = createHash("sha256").update(JSON.stringify(agentId)).digest("hex").slice(0, 24);
  if (process.platform === "win32") return `\\\\.\\pipe\\plexum-mcp-${name}`;
  // The shortest is last: a temp folder can be too deep for a socket address.
  const candidates = socketDirectories().map((directory) => join(directory, `${name}.sock`));
  return candidates.find(fitsSocketAddress) ?? (candidates.at(-1) as string);
}

export function isNamedPipe(path: string): boolean {
  return process.platform === "win32" && path.startsWith("\\\\");
}

/** @throws McpBridgeError `socket_path_too_long` or `invalid_value`. */
export function checkSocketPath(path: string): void {
  if (path === "" || path.includes("\0"))
    throw new McpBridgeError("invalid_value", "The socket path is empty or holds a NUL");
  if (isNamedPipe(path) || fitsSocketAddress(path)) return;
  throw new McpBridgeError(
    "socket_path_too_long",
    `The socket path ${path} is longer than the ${MAX_SOCKET_PATH_BYTES} bytes a socket address holds: choose a shorter one, or leave it out`,
  );
}

function fitsSocketAddress(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES;
}

/** Returns the possible directories of a bridge's socket, the first choice first. */
export function socketDirectories(): string[] {
  const runtime = process.env.XDG_RUNTIME_DIR;
  const own = `plexum-mcp-${process.getuid?.() ?? "user"}`;
  return [...(runtime && isAbsolute(runtime) ? [join(runtime, "plexum-mcp")] : []), join(tmpdir(), own), `/tmp/${own}`];
}
