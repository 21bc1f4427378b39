// The only file that touches MCP's SDK: another SDK, or its next major version, is a change here.
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  ErrorCode,
  type JSONRPCMessage,
  McpError,
  type Result,
  SUPPORTED_PROTOCOL_VERSIONS,
} from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { fitResult } from "../content/fit-result.ts";
import { withoutHalfPairs } from "../content/without-half-pairs.ts";
import type { McpConnection } from "./mcp-connection.ts";
import { errorResult, type ToolProgress, type ToolResult } from "./tool-call.ts";

export interface McpHandlers {
  readonly serverInfo: { readonly name: string; readonly version: string };
  readonly maxResultBytes: number;
  listTools(): readonly Record<string, unknown>[];
  /** Returns undefined if there is no such tool. */
  callTool(request: ToolRequest): Promise<ToolResult> | undefined;
  onFault(message: string): void;
  onClosed(): void;
}

/** A `tools/call` as received. */
interface ToolRequest {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  readonly meta: Record<string, unknown>;
  readonly signal: AbortSignal;
  reportProgress(progress: ToolProgress): void;
}

export interface McpClient {
  /** Notifies the client that its list of tools is out of date. */
  toolsChanged(): void;
}

const callParams = z.looseObject({
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()).nullish(),
  _meta: z.looseObject({ progressToken: z.union([z.string(), z.number()]).optional() }).nullish(),
});

const cancellation = z.looseObject({
  method: z.literal("notifications/cancelled"),
  params: z.looseObject({ requestId: z.union([z.string(), z.number()]), reason: z.string().optional() }),
});

/** Returns whether the server can speak this version of MCP. */
export function isKnownProtocolVersion(version: string): boolean {
  return SUPPORTED_PROTOCOL_VERSIONS.includes(version);
}

/** Serves one connected client until its connection closes. */
export async function serveMcp(connection: McpConnection, handlers: McpHandlers): Promise<McpClient> {
  const server = new Server(handlers.serverInfo, { capabilities: { tools: { listChanged: connection.canPush } } });
  let isReady = false;
  server.oninitialized = () => {
    isReady = true;
  };
  server.onclose = handlers.onClosed;
  /** By request: the SDK ignores the cancellation of a request whose id is 0 or empty (1.32). */
  const running = new Map<string | number, AbortController>();
  // Requests that the SDK has no handler for arrive here unchanged. A registered tools/call handler would check each
  // result against the content kinds the SDK knows, and pass on a copy of that.
  server.fallbackRequestHandler = async ({ method, params }, { signal: sdkSignal, requestId }) => {
    if (method === "tools/list") return { tools: handlers.listTools() };
    if (method !== "tools/call") throw new McpError(ErrorCode.MethodNotFound, `There is no method ${method}`);
    const parsed = callParams.safeParse(params);
    if (!parsed.success) throw new McpError(ErrorCode.InvalidParams, z.prettifyError(parsed.error));
    const { name, arguments: args, _meta: meta } = parsed.data;
    const progressToken = meta?.progressToken;
    const cancel = new AbortController();
    const signal = AbortSignal.any([sdkSignal, cancel.signal]);
    const result = handlers.callTool({
      name,
      arguments: args ?? {},
      meta: meta ?? {},
      signal,
      reportProgress(progress) {
        if (progressToken === undefined || signal.aborted) return;
        const sent = server.notification(
          { method: "notifications/progress", params: { progressToken, ...progress } },
          { relatedRequestId: requestId },
        );
        sent.catch(() => {}); // the client is gone
      },
    });
    if (!result) throw new McpError(ErrorCode.InvalidParams, `There is no tool ${JSON.stringify(name)}`);
    running.set(requestId, cancel);
    try {
      return (await result) as Result;
    } finally {
      running.delete(requestId);
    }
  };
  const toClient = transport(connection, handlers);
  toClient.onmessage = (message) => {
    const cancelled = cancellation.safeParse(message).data?.params;
    if (cancelled) running.get(cancelled.requestId)?.abort(cancelled.reason);
  };
  await server.connect(toClient); // which keeps the handler, beside its own
  return {
    toolsChanged() {
      if (isReady && connection.canPush) server.sendToolListChanged().catch(() => {});
    },
  };
}

function transport(connection: McpConnection, { onFault, maxResultBytes }: McpHandlers): Transport {
  const transport: Transport = {
    start: async () =>
      connection.read({
        value: (message) => transport.onmessage?.(message as JSONRPCMessage),
        fault(message) {
          onFault(message);
          // The request can't be determined, but JSON-RPC requires an answer.
          connection.write(
            JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: ErrorCode.ParseError, message } }),
            { isAnswer: true },
          );
        },
        closed: () => transport.onclose?.(),
      }),
    send(message, options) {
      const isAnswer = !("method" in message);
      const requestId = isAnswer ? message.id : options?.relatedRequestId;
      return connection.write(withoutHalfPairs(lineOf(message, maxResultBytes)), { requestId, isAnswer });
    },
    close: async () => connection.close(),
  };
  return transport;
}

function lineOf(message: JSONRPCMessage, maxResultBytes: number): string {
  let line: string;
  try {
    line = JSON.stringify(message);
  } catch (error) {
    if (!("result" in message)) throw error;
    // Unanswered, the client would wait until its own time limit.
    const result = errorResult(
      `The host's answer can't be written as JSON: ${error instanceof Error ? error.message : error}`,
    );
    return JSON.stringify({ ...message, result });
  }
  // A large result is serialized once, unless it is over the limit.
  const isLarge = "result" in message && Buffer.byteLength(line) > maxResultBytes && "content" in message.result;
  if (!isLarge) return line;
  return JSON.stringify({ ...message, result: fitResult(message.result as unknown as ToolResult, maxResultBytes) });
}
