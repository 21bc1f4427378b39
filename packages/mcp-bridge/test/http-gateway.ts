import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";

/**
 * Serves MCP over HTTP in front of a stdio server, for clients that support only HTTP: one process per session, messages
 * passed on unchanged.
 */
export async function httpGateway(command: { command: string; args: string[]; env: Record<string, string> }) {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const relays = new Set<StdioClientTransport>();

  async function openSession(): Promise<StreamableHTTPServerTransport> {
    const relay = new StdioClientTransport(command);
    const http = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, http),
    });
    /** The request whose stream each progress token's notifications belong to. */
    const requests = new Map<unknown, string | number>();
    http.onmessage = (message) => {
      if ("method" in message && "id" in message) requests.set(message.params?._meta?.progressToken, message.id);
      relay.send(message);
    };
    relay.onmessage = (message: JSONRPCMessage) => {
      const token = "method" in message ? message.params?.progressToken : undefined;
      http.send(message, token === undefined ? {} : { relatedRequestId: requests.get(token) });
    };
    relays.add(relay);
    await relay.start();
    await http.start();
    return http;
  }

  const server = createServer(async (request, response) => {
    const session = sessions.get(String(request.headers["mcp-session-id"])) ?? (await openSession());
    await session.handleRequest(
      request,
      response,
      request.method === "POST" ? await json(request as IncomingMessage) : undefined,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    async [Symbol.asyncDispose]() {
      for (const relay of relays) await relay.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
