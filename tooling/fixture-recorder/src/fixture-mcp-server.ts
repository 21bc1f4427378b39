/**
 * A stdio MCP server with one tool that works and one that fails, for the recorded streams. It needs only four methods, so it does
 * not use the SDK.
 */
import { createInterface } from "node:readline";

const TOOLS = [
  { name: "add.numbers", description: "Adds two numbers", inputSchema: { type: "object" } },
  { name: "fail", description: "Always fails", inputSchema: { type: "object" } },
];

function answer(method: string, params: { name?: string; arguments?: { a?: number; b?: number } } = {}): unknown {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: "2025-06-18",
        capabilities: { tools: {} },
        serverInfo: { name: "fixture", version: "1" },
      };
    case "tools/list":
      return { tools: TOOLS };
    case "tools/call": {
      if (params.name === "fail") return { content: [{ type: "text", text: "no such luck" }], isError: true };
      const sum = Number(params.arguments?.a) + Number(params.arguments?.b);
      return { content: [{ type: "text", text: `the sum is ${sum}` }], structuredContent: { sum } };
    }
    default:
      return {};
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result: answer(method, params) })}\n`);
}
