import { createServer, type Socket } from "node:net";
import { McpBridgeError } from "../errors.ts";
import { timeLimit } from "../server/call-runner.ts";
import { ToolServer, type ToolServerOptions } from "../server/tool-server.ts";
import type { BridgeTool } from "../server/tools.ts";
import { randomToken } from "../token.ts";
import { reasonToRefuse } from "./admission.ts";
import { firstLine } from "./first-line.ts";
import { answerLine } from "./handshake.ts";
import { JsonSocket } from "./json-socket.ts";
import { listenPrivately } from "./listen-privately.ts";
import { bridgeSocketPath } from "./socket-path.ts";

export interface BridgeOptions extends ToolServerOptions {
  /**
   * Where to listen. By default, `bridgeSocketPath(agentId)`, or a unique path if another bridge of the agent is listening
   * there.
   */
  readonly socketPath?: string;
  /** The token that a relay must send. By default, 32 random bytes. */
  readonly token?: string;
  /** The most connections at once, including those that have not yet sent their token. @default 64 */
  readonly maxClients?: number;
  /** The longest message a client may send, in bytes. @default 67_108_864 */
  readonly maxMessageBytes?: number;
  /** How long a client may take to send its greeting, in milliseconds. @default 5_000 */
  readonly greetingTimeoutMs?: number;
}

export interface Bridge extends AsyncDisposable {
  readonly agentId: string;
  readonly socketPath: string;
  readonly token: string;
  /**
   * Replaces the tools that are offered, and notifies the clients.
   * @throws McpBridgeError `invalid_tools`; the previous tools stay.
   */
  setTools(tools: readonly BridgeTool[]): void;
  /** Aborts running calls, disconnects the clients and removes the socket. May be called again. */
  close(): Promise<void>;
}

/**
 * Starts an MCP server with a host's tools, which local programs reach through a relay (`@plexum/mcp-bridge/relay`).
 *
 * @throws McpBridgeError `invalid_tools`, `invalid_value`, or with a `socket_…` code; what the file system throws otherwise.
 */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const { token = randomToken(), maxClients = 64, maxMessageBytes = 64 * 1024 * 1024 } = options;
  const greetingTimeoutMs = timeLimit("greetingTimeoutMs", options.greetingTimeoutMs ?? 5000);
  const tools = new ToolServer(options);
  const { agentId } = tools;
  const sockets = new Set<Socket>();
  const { server, socketPath, removeSocketFile } = await listen(welcome, options);

  async function welcome(socket: Socket): Promise<void> {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // "close" follows
    const line = await firstLine(socket, greetingTimeoutMs);
    // The peer only checked whether a bridge is listening.
    if (line === undefined && socket.readableEnded) return void socket.destroy();
    const reason =
      sockets.size > maxClients
        ? `all ${maxClients} connections are taken`
        : line === undefined
          ? "no greeting came"
          : reasonToRefuse(line, { agentId, token });
    if (reason !== undefined) {
      tools.warn(`The bridge of agent ${JSON.stringify(agentId)} turned a client away: ${reason}`);
      socket.end(answerLine({ accepted: false, reason }), () => socket.destroy());
      return;
    }
    socket.write(answerLine({ accepted: true }));
    await tools.connect(new JsonSocket(socket, maxMessageBytes));
  }

  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    try {
      await removeSocketFile();
    } finally {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    }
  }

  return {
    agentId,
    socketPath,
    token,
    setTools: (newTools) => tools.setTools(newTools),
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
}

/** @throws McpBridgeError `socket_in_use` only if the caller chose the path. */
async function listen(welcome: (socket: Socket) => void, { agentId, socketPath }: BridgeOptions) {
  const at = async (path: string) => {
    const server = createServer(welcome);
    return { server, socketPath: path, removeSocketFile: await listenPrivately(server, path) };
  };
  if (socketPath !== undefined) return at(socketPath);
  try {
    return await at(bridgeSocketPath(agentId));
  } catch (error) {
    if (!McpBridgeError.isInstance(error) || error.code !== "socket_in_use") throw error;
    // The agent has two turns at once, in two workspaces.
    return at(bridgeSocketPath(`${agentId} ${randomToken()}`));
  }
}
