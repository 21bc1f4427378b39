import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { BridgeTool } from "../server/tools.ts";
import { isSameSecret } from "../socket/admission.ts";
import { type HttpBridgeOptions, HttpBridgeServer } from "./http-bridge.ts";

export interface HttpEndpointOptions {
  /** Gets a sentence when requests are turned away: the first, then at most one a minute. */
  readonly onWarning?: (message: string) => void;
  /** Connections at once that have not shown a token; a further one ends the oldest of them. Default 64. */
  readonly maxStrangers?: number;
}

/** A listener on loopback under which any number of agents' tools can be offered. */
export interface HttpEndpoint extends AsyncDisposable {
  readonly port: number;
  /**
   * Offers tools under a URL and a token of their own, until it is closed.
   * @throws McpBridgeError `invalid_tools` or `invalid_value`.
   */
  open(options: HttpBridgeOptions): HttpBridge;
  /** Closes what is open under it, and stops listening. May be called again. */
  close(): Promise<void>;
}

/** A host's tools as an MCP server that is reached over HTTP. */
export interface HttpBridge extends AsyncDisposable {
  readonly agentId: string;
  readonly url: string;
  /** What a client must show; `headers` holds it. */
  readonly token: string;
  /** To be sent with each request. */
  readonly headers: { readonly Authorization: string };
  /**
   * Offers other tools from now on. A client sees them when it asks for the list again.
   * @throws McpBridgeError `invalid_tools`; the tools offered before stay.
   */
  setTools(tools: readonly BridgeTool[]): void;
  /** Aborts the calls that run, and ends the clients' connections. May be called again. */
  close(): Promise<void>;
}

/** For a request's head, and for a head and body together. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than HTTP clients keep an idle connection (90 s in codex's): so the end of it is theirs, never in mid-request. */
const KEEP_ALIVE_MS = 120_000;
const MAX_HEADER_BYTES = 16 * 1024;
const WARNING_INTERVAL_MS = 60_000;
/** How many closed addresses are remembered, so that their late requests are not reported. */
const MAX_CLOSED = 1024;

/**
 * Listens on a free port of 127.0.0.1, for programs that take an MCP server's URL. It keeps the process alive while tools
 * are open under it.
 *
 * Every user of the machine can connect to the port. Without a server's path and token a request gets 404 and nothing else;
 * a browser's gets the same, by its `Origin` or a `Host` that is another name for this address.
 */
export async function startHttpEndpoint(options: HttpEndpointOptions = {}): Promise<HttpEndpoint> {
  const { maxStrangers = 64, onWarning = () => {} } = options;
  // Not loaded with this module: a program that uses only sockets starts faster without it.
  const { createServer } = await import("node:http");
  const bridges = new Map<string, HttpBridgeServer>();
  /** The tokens of bridges that were closed, by path, the oldest first. */
  const closedTokens = new Map<string, string>();
  const strangers = new Set<Socket>();
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1000,
    },
    onRequest,
  );
  server.on("connection", (socket) => {
    const [oldest] = strangers;
    if (oldest !== undefined && strangers.size >= maxStrangers) oldest.destroy();
    strangers.add(socket);
    socket.once("close", () => strangers.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  const warnOfStranger = atMostEvery(WARNING_INTERVAL_MS, onWarning);

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    response.on("error", () => {}); // "close" follows
    const bridge = bridges.get(request.url ?? "");
    const { headers } = request;
    if (bridge === undefined || headers.host !== host || headers.origin !== undefined || !bridge.admits(request)) {
      response.writeHead(404, { connection: "close" }).end();
      // codex sends the DELETE of its session after the turn, when the bridge may be closed already (0.135.0, 0.169.0).
      const token = closedTokens.get(request.url ?? "");
      if (token !== undefined && isSameSecret(headers.authorization ?? "", `Bearer ${token}`)) return;
      warnOfStranger("The MCP endpoint turned a request away: it has no server's address and token");
      return;
    }
    strangers.delete(request.socket);
    bridge.handle(request, response).catch(() => response.destroy()); // the client has gone in mid-request
  }

  function open(bridgeOptions: HttpBridgeOptions): HttpBridge {
    const bridge = new HttpBridgeServer(bridgeOptions);
    const path = `/mcp/${randomBytes(16).toString("base64url")}`;
    bridges.set(path, bridge);
    server.ref();
    const close = onlyOnce(async () => {
      bridges.delete(path);
      closedTokens.set(path, bridge.token);
      const [oldest] = closedTokens.keys();
      if (oldest !== undefined && closedTokens.size > MAX_CLOSED) closedTokens.delete(oldest);
      if (bridges.size === 0) server.unref();
      await bridge.close();
    });
    return {
      agentId: bridge.tools.agentId,
      url: `http://${host}${path}`,
      token: bridge.token,
      headers: { Authorization: `Bearer ${bridge.token}` },
      setTools: (tools) => bridge.tools.setTools(tools),
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  const close = onlyOnce(async () => {
    const closed = once(server, "close");
    server.close();
    await Promise.all([...bridges.values()].map((bridge) => bridge.close()));
    bridges.clear();
    server.closeAllConnections();
    await closed;
  });
  return { port, open, close, [Symbol.asyncDispose]: close };
}

function onlyOnce(task: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= task());
}

/** Calls through at most once in the interval, and says how often it was not. */
function atMostEvery(ms: number, emit: (message: string) => void): (message: string) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  let omitted = 0;
  return (message) => {
    const now = performance.now();
    if (now - lastMs < ms) return void omitted++;
    emit(omitted === 0 ? message : `${message} (and ${omitted} more since the last such message)`);
    lastMs = now;
    omitted = 0;
  };
}
