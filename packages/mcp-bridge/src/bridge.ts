import { createServer, type Socket } from "node:net";
import { randomToken, reasonToRefuse } from "./admission.ts";
import { type CallLimits, CallRunner, timeLimit } from "./call-runner.ts";
import { firstLine } from "./first-line.ts";
import { answerLine } from "./handshake.ts";
import { JsonSocket } from "./json-socket.ts";
import { listenPrivately } from "./listen.ts";
import { type McpClient, type McpHandlers, serveMcp } from "./mcp-server.ts";
import { bridgeSocketPath } from "./socket-path.ts";
import type { CallIdentity, CallTool } from "./tool-call.ts";
import { type BridgeTool, toolbox } from "./tools.ts";

export interface BridgeOptions extends CallLimits {
  /** Whose tools these are; a relay must name the same id. Any text, the empty one too. */
  readonly agentId: string;
  readonly tools: readonly BridgeTool[];
  readonly callTool: CallTool;
  /** Where to listen. Default `bridgeSocketPath(agentId)`. */
  readonly socketPath?: string;
  /** What a relay must show. Default: 32 random bytes. */
  readonly token?: string;
  /** Finds, in what a client sends beside a call, the ids of its own records. Default: none are known. */
  readonly identifyCall?: (meta: { readonly [key: string]: unknown }) => CallIdentity;
  /** Told in a sentence when a client is turned away or sends what can't be read. */
  readonly onWarning?: (message: string) => void;
  /** How MCP clients see this server. */
  readonly serverInfo?: { readonly name: string; readonly version: string };
  /** Connections at once, those that have not yet shown their token among them. Default 64. */
  readonly maxClients?: number;
  /** The longest message a client may send, in bytes. Default 64 MiB. */
  readonly maxMessageBytes?: number;
  /**
   * The longest result, in bytes of JSON. A longer one has the middle of its texts left out. Default 15 MiB: of a longer
   * line than 16 MiB codex 0.169 takes no notice, and goes on waiting for the answer.
   */
  readonly maxResultBytes?: number;
  /** How long a client may take for its greeting, in milliseconds. Default 5 seconds. */
  readonly greetingTimeoutMs?: number;
}

export interface Bridge extends AsyncDisposable {
  readonly agentId: string;
  readonly socketPath: string;
  readonly token: string;
  /**
   * Offers other tools from now on, and tells the clients so.
   * @throws McpBridgeError `invalid-tools`; the tools offered before stay.
   */
  setTools(tools: readonly BridgeTool[]): void;
  /** Aborts the calls that run, lets go of the clients, and removes the socket. May be called again. */
  close(): Promise<void>;
}

/**
 * Makes a host's tools an MCP server that local programs reach through a relay (`@plexum/mcp-bridge/relay`).
 *
 * @throws McpBridgeError `invalid-tools`, `invalid-value`, or with a `socket-…` code; what the file system throws otherwise.
 */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const {
    socketPath = bridgeSocketPath(options.agentId),
    token = randomToken(),
    identifyCall = () => ({}),
    onWarning = () => {},
    serverInfo = { name: "plexum-mcp-bridge", version: "1" },
    maxClients = 64,
    maxMessageBytes = 64 * 1024 * 1024,
    maxResultBytes = 15 * 1024 * 1024,
  } = options;
  const greetingTimeoutMs = timeLimit("greetingTimeoutMs", options.greetingTimeoutMs ?? 5000);
  // What can't be written as UTF-8 would come back from the relay as something else.
  const agentId = options.agentId.toWellFormed();
  let tools = toolbox(options.tools);
  const runner = new CallRunner(options.callTool, options);
  const sockets = new Set<Socket>();
  const clients = new Set<McpClient>();
  const server = createServer(welcome);
  const removeSocketFile = await listenPrivately(server, socketPath);

  async function welcome(socket: Socket): Promise<void> {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // "close" follows
    const line = await firstLine(socket, greetingTimeoutMs);
    // Someone only looked whether a bridge is listening.
    if (line === undefined && socket.readableEnded) return void socket.destroy();
    const reason =
      sockets.size > maxClients
        ? `all ${maxClients} connections are taken`
        : line === undefined
          ? "no greeting came"
          : reasonToRefuse(line, { agentId, token });
    if (reason !== undefined) {
      onWarning(`The bridge of agent ${JSON.stringify(agentId)} turned a client away: ${reason}`);
      socket.end(answerLine({ accepted: false, reason }), () => socket.destroy());
      return;
    }
    socket.write(answerLine({ accepted: true }));
    await serve(socket);
  }

  async function serve(socket: Socket): Promise<void> {
    let client: McpClient | undefined;
    const handlers: McpHandlers = {
      serverInfo,
      maxResultBytes,
      listTools: () => tools.offered,
      callTool({ name, meta, ...request }) {
        const hostName = tools.hostNames.get(name);
        if (hostName === undefined) return undefined;
        return runner.run({ ...identifyCall(meta), ...request, name: hostName, meta });
      },
      onFault: (message) => onWarning(`A client of agent ${JSON.stringify(agentId)}: ${message}`),
      onClosed() {
        if (client) clients.delete(client);
      },
    };
    client = await serveMcp(new JsonSocket(socket, maxMessageBytes), handlers);
    if (!socket.destroyed) clients.add(client);
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
    setTools(newTools) {
      const before = tools;
      tools = toolbox(newTools);
      if (before.json === tools.json) return;
      for (const client of clients) client.toolsChanged();
    },
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
}
