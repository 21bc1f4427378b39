import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isKnownProtocolVersion } from "../server/mcp-server.ts";
import { ToolServer, type ToolServerOptions } from "../server/tool-server.ts";
import { isSameToken, randomToken } from "../token.ts";
import { readBody } from "./http-body.ts";
import { HttpReply } from "./http-reply.ts";
import { HttpSession } from "./http-session.ts";

export interface HttpBridgeOptions extends ToolServerOptions {
  /** The most MCP sessions at once; a further one ends the one that was idle longest. @default 64 */
  readonly maxClients?: number;
  /** The most requests at once, and the most connections. @default 1024 */
  readonly maxRequests?: number;
  /** The longest message a client may send, in bytes. @default 67_108_864 */
  readonly maxMessageBytes?: number;
}

const SESSION_HEADER = "mcp-session-id";

/** One agent's tools under their own URL and token: the MCP transport "Streamable HTTP" without its GET stream. */
export class HttpBridgeServer {
  readonly token = randomToken();
  readonly tools: ToolServer;
  readonly #maxClients: number;
  readonly #maxRequests: number;
  readonly #maxMessageBytes: number;
  /** By id, the least recently used first. */
  readonly #sessions = new Map<string, HttpSession>();
  readonly #sockets = new Set<Socket>();
  #running = 0;

  /** @throws McpBridgeError `invalid_tools` or `invalid_value`. */
  constructor(options: HttpBridgeOptions) {
    this.tools = new ToolServer(options);
    this.#maxClients = options.maxClients ?? 64;
    this.#maxRequests = options.maxRequests ?? 1024;
    this.#maxMessageBytes = options.maxMessageBytes ?? 64 * 1024 * 1024;
  }

  /** Returns whether a request has this server's token. */
  admits({ headers }: IncomingMessage): boolean {
    return isSameToken(headers.authorization ?? "", `Bearer ${this.token}`);
  }

  /** Answers a request that `admits` accepted. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#remember(request.socket);
    if (this.#running >= this.#maxRequests || this.#sockets.size > this.#maxRequests)
      return refuse(response, 503, `${this.#maxRequests} requests are running already`);
    this.#running++;
    response.once("close", () => this.#running--);
    switch (request.method) {
      case "POST":
        return await this.#post(request, response);
      case "DELETE":
        return this.#delete(request, response);
      default:
        response.setHeader("allow", "POST, DELETE");
        return refuse(response, 405, "Only POST and DELETE are allowed");
    }
  }

  /** Aborts running calls, and ends the connections. */
  async close(): Promise<void> {
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
    await Promise.all(
      [...this.#sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve).destroy())),
    );
  }

  async #post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "") || request.headers["content-encoding"])
      return refuse(response, 415, "The body must be plain JSON (application/json)");
    const version = request.headers["mcp-protocol-version"];
    if (version !== undefined && !isKnownProtocolVersion(String(version)))
      return refuse(response, 400, `There is no MCP version ${version} here`);
    const body = await readBody(request, this.#maxMessageBytes);
    if (body === undefined) {
      this.tools.warn(`A client of agent ${JSON.stringify(this.tools.agentId)}: ${this.#tooLong}`);
      return refuse(response, 413, this.#tooLong);
    }
    const message = parseMessage(body);
    if (message === undefined) return refuse(response, 400, "The body is not one JSON-RPC message", -32700);
    if (message.method === "initialize" && isId(message.id)) return await this.#initialize(message, response);
    const session = this.#session(request, response);
    if (session === undefined) return;
    if (message.method === undefined || !("id" in message)) {
      session.notify(message);
      response.writeHead(202).end();
    } else if (!isId(message.id) || session.isRunning(message.id)) {
      refuse(response, 400, "The request's id is taken, or neither a string nor a number", -32600);
    } else {
      const mayStream = message.method === "tools/call" && /text\/event-stream/i.test(request.headers.accept ?? "");
      this.#run(session, message, new HttpReply(response, { mayStream }), response);
    }
  }

  get #tooLong(): string {
    return `a message is over the limit of ${this.#maxMessageBytes} bytes`;
  }

  async #initialize(message: Message, response: ServerResponse): Promise<void> {
    if (this.#sessions.size >= this.#maxClients && !this.#endIdleSession())
      return refuse(response, 503, `All ${this.#maxClients} sessions are busy`);
    const id = randomUUID();
    const session = new HttpSession();
    this.#sessions.set(id, session);
    await this.tools.connect(session);
    this.#run(
      session,
      message,
      new HttpReply(response, { mayStream: false, headers: { [SESSION_HEADER]: id } }),
      response,
    );
  }

  #run(session: HttpSession, message: Message, reply: HttpReply, response: ServerResponse): void {
    const id = message.id as string | number;
    response.once("close", () => session.abandon(id, reply));
    session.request({ ...message, id }, reply);
  }

  #endIdleSession(): boolean {
    for (const [id, session] of this.#sessions) {
      if (!session.isIdle) continue;
      this.#sessions.delete(id);
      session.close();
      return true;
    }
    return false;
  }

  #delete(request: IncomingMessage, response: ServerResponse): void {
    const session = this.#session(request, response);
    if (session === undefined) return;
    this.#sessions.delete(String(request.headers[SESSION_HEADER]));
    session.close();
    response.writeHead(200).end();
  }

  /** Returns the session that a request belongs to, or undefined if the request was refused. */
  #session(request: IncomingMessage, response: ServerResponse): HttpSession | undefined {
    const id = request.headers[SESSION_HEADER];
    const session = typeof id === "string" ? this.#sessions.get(id) : undefined;
    if (session === undefined || typeof id !== "string") {
      if (id === undefined) refuse(response, 400, `The header ${SESSION_HEADER} is missing`);
      else refuse(response, 404, "There is no such session");
      return undefined;
    }
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    return session;
  }

  #remember(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
}

function parseMessage(body: Buffer): Message | undefined {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isId(id: unknown): id is string | number {
  return typeof id === "string" || typeof id === "number";
}

/** Answers with what is wrong with a request, and ends its connection, since a body may be left unread. */
function refuse(response: ServerResponse, status: number, message: string, code = -32000): void {
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify({ jsonrpc: "2.0", id: null, error: { code, message } }));
}
