import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { BridgeTool } from "../server/tools.ts";
import { isSameToken } from "../token.ts";
import { type HttpBridgeOptions, HttpBridgeServer } from "./http-bridge.ts";

export interface HttpEndpointOptions {
  /** Called with a sentence when requests are turned away: for the first, then at most once a minute. */
  readonly onWarning?: (message: string) => void;
  /** The most connections at once that have not shown a token; a further one ends the oldest of them. @default 64 */
  readonly maxStrangers?: number;
}

/** A listener on loopback under which any number of agents' tools can be offered. */
export interface HttpEndpoint extends AsyncDisposable {
  readonly port: number;
  /**
   * Offers tools under their own URL and token, until the returned bridge is closed.
   * @throws McpBridgeError `invalid_tools` or `invalid_value`.
   */
  open(options: HttpBridgeOptions): HttpBridge;
  /** Closes all bridges under it, and stops listening. May be called again. */
  close(): Promise<void>;
}

/** An MCP server with a host's tools that clients reach over HTTP. */
export interface HttpBridge extends AsyncDisposable {
  readonly agentId: string;
  readonly url: string;
  /** The token that a client must send; `headers` contains it. */
  readonly token: string;
  /** Send these with each request. */
  readonly headers: { readonly Authorization: string };
  /**
   * Replaces the tools that are offered. A client sees the new ones when it asks for the list again.
   * @throws McpBridgeError `invalid_tools`; the previous tools stay.
   */
  setTools(tools: readonly BridgeTool[]): void;
  /** Aborts running calls, and ends the clients' connections. May be called again. */
  close(): Promise<void>;
}

/** The limits for a request's head, and for head and body together. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than HTTP clients keep an idle connection (90 s in codex), so that the client ends it, and never during a request. */
const KEEP_ALIVE_MS = 120_000;
const MAX_HEADER_BYTES = 16 * 1024;
const WARNING_INTERVAL_MS = 60_000;
/** How many closed addresses are remembered, so that their late requests are not reported. */
const MAX_CLOSED = 1024;

/**
 * Listens on a free port of 127.0.0.1, for programs that take an MCP server's URL. The listener keeps the process alive
 * while tools are open under it.
 *
 * Every user of the machine can connect to the port. A request without a server's path and token gets 404 and nothing else.
 * So does a browser's request, which is recognized by its `Origin`, or by a `Host` that is another name for this address.
 */
export async function startHttpEndpoint(options: HttpEndpointOptions = {}): Promise<HttpEndpoint> {
  const { maxStrangers = 64, onWarning = () => {} } = options;
  // Not loaded with this module: a program that uses only sockets starts faster without it.
  const { createServer } = await import("node:http");
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1000,
  });
  const strangers = new Strangers(maxStrangers);
  server.on("connection", (socket) => strangers.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return new ListeningEndpoint(server, strangers, atMostEvery(WARNING_INTERVAL_MS, onWarning));
}

class ListeningEndpoint implements HttpEndpoint {
  readonly port: number;
  readonly close = onlyOnce(() => this.#end());
  readonly [Symbol.asyncDispose] = this.close;
  readonly #server: Server;
  readonly #host: string;
  readonly #strangers: Strangers;
  readonly #warnOfStranger: (message: string) => void;
  readonly #bridges = new Map<string, HttpBridgeServer>();
  /** The tokens of bridges that were closed, by path, the oldest first. */
  readonly #closedTokens = new Map<string, string>();

  /** @param server Is listening, and has no handler for requests. */
  constructor(server: Server, strangers: Strangers, warnOfStranger: (message: string) => void) {
    this.port = (server.address() as AddressInfo).port;
    this.#host = `127.0.0.1:${this.port}`;
    this.#server = server;
    this.#strangers = strangers;
    this.#warnOfStranger = warnOfStranger;
    server.on("request", (request, response) => this.#handle(request, response));
  }

  open(options: HttpBridgeOptions): HttpBridge {
    const bridge = new HttpBridgeServer(options);
    const path = `/mcp/${randomBytes(16).toString("base64url")}`;
    this.#bridges.set(path, bridge);
    this.#server.ref();
    const close = onlyOnce(() => this.#closeBridge(path, bridge));
    return {
      agentId: bridge.tools.agentId,
      url: `http://${this.#host}${path}`,
      token: bridge.token,
      headers: { Authorization: `Bearer ${bridge.token}` },
      setTools: (tools) => bridge.tools.setTools(tools),
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    response.on("error", () => {}); // "close" follows
    const bridge = this.#bridges.get(request.url ?? "");
    const { headers } = request;
    if (
      bridge === undefined ||
      headers.host !== this.#host ||
      headers.origin !== undefined ||
      !bridge.admits(request)
    ) {
      response.writeHead(404, { connection: "close" }).end();
      if (this.#isLate(request)) return;
      this.#warnOfStranger("The MCP endpoint turned a request away: it has no server's address and token");
      return;
    }
    this.#strangers.delete(request.socket);
    bridge.handle(request, response).catch(() => response.destroy()); // the client disconnected during the request
  }

  /**
   * Returns whether a request is for a bridge that was closed, and has its token. codex sends the DELETE of its session after
   * the turn, when the bridge may be closed already (0.135.0, 0.169.0).
   */
  #isLate({ url = "", headers }: IncomingMessage): boolean {
    const token = this.#closedTokens.get(url);
    return token !== undefined && isSameToken(headers.authorization ?? "", `Bearer ${token}`);
  }

  async #closeBridge(path: string, bridge: HttpBridgeServer): Promise<void> {
    this.#bridges.delete(path);
    this.#closedTokens.set(path, bridge.token);
    const [oldest] = this.#closedTokens.keys();
    if (oldest !== undefined && this.#closedTokens.size > MAX_CLOSED) this.#closedTokens.delete(oldest);
    if (this.#bridges.size === 0) this.#server.unref();
    await bridge.close();
  }

  async #end(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    await Promise.all([...this.#bridges.values()].map((bridge) => bridge.close()));
    this.#bridges.clear();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** The connections that have not shown a token. */
class Strangers {
  readonly #sockets = new Set<Socket>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Adds a connection until it closes. Ends the oldest one if there are too many. */
  add(socket: Socket): void {
    const [oldest] = this.#sockets;
    if (oldest !== undefined && this.#sockets.size >= this.#max) oldest.destroy();
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  delete(socket: Socket): void {
    this.#sockets.delete(socket);
  }
}

function onlyOnce(task: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= task());
}

/** Returns a function that emits at most one message per interval, with the number of messages that it omitted. */
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
