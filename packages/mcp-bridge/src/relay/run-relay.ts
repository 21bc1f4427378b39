// Loaded each time a program starts the relay, before anything else can happen: import nothing but node:net and what Node
// itself has already loaded.
import { lstatSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname } from "node:path";
import type { Readable, Writable } from "node:stream";
import { firstLine } from "../socket/first-line.ts";
import { greetingLine, parseAnswer } from "../socket/handshake.ts";
import { directoryFault } from "../socket/private-directory.ts";
import { serveNoTools } from "./empty-server.ts";

export interface RelayOptions {
  readonly socketPath: string;
  readonly agentId: string;
  readonly token: string;
  /** Default: the process's. */
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  /** Called with a sentence that says why there are no tools. Default: writes a line to stderr. */
  readonly onWarning?: (message: string) => void;
  /** How long to wait for a bridge that is still starting, in milliseconds. @default 500 */
  readonly connectTimeoutMs?: number;
  /** How long a bridge may take to accept the relay, in milliseconds. Its process may be busy. @default 20_000 */
  readonly answerTimeoutMs?: number;
  /** Ends the relay. */
  readonly signal?: AbortSignal;
}

/**
 * Carries MCP between stdin and stdout and an agent's bridge. Without a bridge it serves an empty list of tools itself. Resolves as soon as either side has closed. Never rejects.
 */
export async function runRelay(options: RelayOptions): Promise<void> {
  const {
    stdin = process.stdin,
    stdout = process.stdout,
    onWarning = (message) => process.stderr.write(`${message}\n`),
    signal,
  } = options;
  const bridge = await reachBridge(options, onWarning);
  if (signal?.aborted) bridge?.destroy();
  else if (bridge) await copyBothWays(bridge, stdin, stdout, signal);
  else await serveNoTools(stdin, stdout, signal);
}

async function reachBridge(
  { socketPath, agentId, token, connectTimeoutMs = 500, answerTimeoutMs = 20_000, signal }: RelayOptions,
  onWarning: (message: string) => void,
): Promise<Socket | undefined> {
  const socket = await connectWithin(socketPath, connectTimeoutMs, signal);
  if (typeof socket === "string") {
    onWarning(`${socket}: there are no tools`);
    return undefined;
  }
  socket.on("error", () => {}); // "close" follows
  socket.write(greetingLine(agentId, token));
  const line = await firstLine(socket, answerTimeoutMs);
  const answer = line === undefined ? { accepted: false as const, reason: "it did not answer" } : parseAnswer(line);
  if (answer.accepted) return socket;
  onWarning(`The MCP bridge on ${socketPath} refused the relay (${answer.reason}): there are no tools`);
  socket.destroy();
  return undefined;
}

const RETRY_MS = 25;

/** Returns a connection, or why there is none. */
async function connectWithin(path: string, timeoutMs: number, signal?: AbortSignal): Promise<Socket | string> {
  // Not performance.now() or an AbortController: either makes Node load more before the first byte passes.
  const end = Date.now() + timeoutMs;
  for (;;) {
    const place = lookAt(path);
    if (typeof place === "object") return `The socket ${path} may be another user's (${place.fault})`;
    const socket = place === "ours" ? await connected(path) : undefined;
    if (socket) return socket;
    if (signal?.aborted || Date.now() + RETRY_MS > end) return `No MCP bridge is listening on ${path}`;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/**
 * Checks that only this user can have created the socket at the path. If the directory in the temp folder is gone, any user
 * may create it again and listen in it, to get the token and to serve their own tools.
 */
function lookAt(path: string): "missing" | "ours" | { readonly fault: string } {
  // Windows has no such ids; there only the token protects the pipe.
  if (process.getuid === undefined) return "ours";
  try {
    const fault = directoryFault(lstatSync(dirname(path)));
    if (fault !== undefined) return { fault: `its directory ${fault}` };
    const { uid } = lstatSync(path);
    return uid === process.getuid() ? "ours" : { fault: `it belongs to user ${uid}` };
  } catch {
    return "missing";
  }
}

function connected(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    // As an option: as an argument, a path that is empty or a number is taken for a port.
    const socket = connect({ path });
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}

function copyBothWays(bridge: Socket, stdin: Readable, stdout: Writable, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      stdin.unpipe(bridge);
      stdin.pause();
      bridge.destroy();
      resolve();
    };
    // A stream that has ended also closes, while its last bytes are still in flight to the other side.
    const closed = (stream: { readableEnded: boolean }) => () => stream.readableEnded || finish();
    signal?.addEventListener("abort", finish, { once: true });
    bridge.on("end", () => stdout.write("", finish));
    bridge.on("finish", closed(bridge)); // stdin has ended, and all of it is written
    bridge.on("close", closed(bridge));
    stdin.on("close", closed(stdin));
    stdin.on("error", finish);
    stdout.on("error", finish);
    stdout.on("close", finish);
    stdin.pipe(bridge);
    bridge.pipe(stdout, { end: false });
  });
}
