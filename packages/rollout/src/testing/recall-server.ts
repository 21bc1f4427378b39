/**
 * A stdio MCP server with one tool, `recall {key}`. The first argument names a JSON file, and the tool returns the CallToolResult
 * under that key. So a secret is in the tool's result and nowhere else.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const answers: Record<string, unknown> = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
const tool = {
  name: "recall",
  description: "Returns what is kept under a key",
  inputSchema: { type: "object", properties: { key: { type: "string" } }, required: ["key"] },
  annotations: { readOnlyHint: true },
};

function answer(method: string, params: { arguments?: { key?: string }; protocolVersion?: string }): unknown {
  if (method === "initialize")
    return {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: "recall", version: "1" },
    };
  if (method === "tools/list") return { tools: [tool] };
  if (method === "tools/call") return answers[params.arguments?.key ?? ""];
  return {};
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params = {} } = JSON.parse(line);
  if (id !== undefined)
    process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result: answer(method, params) })}\n`);
}
