import type { Readable, Writable } from "node:stream";

/** Far more than a client sends to a server without tools; a client that sends more is disconnected. */
const MAX_LINE_LENGTH = 16 * 1024 * 1024;

/**
 * Serves MCP without any tools, so that a program whose config names the relay starts without an error. Resolves when the
 * client closes its side.
 */
export function serveNoTools(stdin: Readable, stdout: Writable, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let rest = "";
    const finish = () => {
      stdin.pause();
      resolve();
    };
    stdin.setEncoding("utf8");
    stdin.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const reply = answer(line);
        if (reply) stdout.write(`${JSON.stringify(reply)}\n`);
      }
      if (rest.length > MAX_LINE_LENGTH) finish();
    });
    stdin.on("end", finish);
    stdin.on("close", finish);
    stdin.on("error", finish);
    stdout.on("error", finish);
    stdout.on("close", finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}

function answer(line: string): object | undefined {
  if (line.trim() === "") return undefined;
  let request: { id?: unknown; method?: unknown; params?: { protocolVersion?: unknown } } | null;
  try {
    request = JSON.parse(line);
  } catch {
    return { jsonrpc: "2.0", id: null, error: { code: -32700, message: "not JSON" } };
  }
  // A notification, or an answer to a request that was never sent.
  if (request?.id === undefined || request.method === undefined) return undefined;
  const result = resultOf(request.method, request.params);
  if (result) return { jsonrpc: "2.0", id: request.id, result };
  const message = `There is no method ${JSON.stringify(request.method)}: no MCP bridge could be reached`;
  return { jsonrpc: "2.0", id: request.id, error: { code: -32601, message } };
}

function resultOf(method: unknown, params: { protocolVersion?: unknown } | undefined): object | undefined {
  switch (method) {
    case "initialize":
      // Nothing that this server answers depends on the version.
      return {
        protocolVersion: params?.protocolVersion ?? "2025-06-18",
        capabilities: { tools: {} },
        serverInfo: { name: "plexum-mcp-relay", version: "1" },
      };
    case "tools/list":
      return { tools: [] };
    case "ping":
      return {};
    default:
      return undefined;
  }
}
