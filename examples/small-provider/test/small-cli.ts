#!/usr/bin/env node
// Another agent CLI, as a provider sees it: the prompt on stdin, JSON lines on stdout, MCP servers from a file. It has no
// model: the prompt has its commands, one on each line.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const { values } = parseArgs({ options: { "mcp-config": { type: "string" } } });
const { mcpServers } = JSON.parse(await readFile(String(values["mcp-config"]), "utf8"));
const transport = new StdioClientTransport({ ...mcpServers.host, stderr: "inherit" });
const client = new Client({ name: "small-cli", version: "1.0.0" });
await client.connect(transport);

const write = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
let calls = 0;

for (const line of (await text(process.stdin)).split("\n")) {
  const [command, ...words] = line.split(" ");
  switch (command) {
    case "say":
      write({ type: "text", text: words.join(" ") });
      break;
    case "tools": {
      const { tools } = await client.listTools();
      write({ type: "text", text: tools.map(({ name, description }) => `${name}: ${description}`).join("\n") });
      break;
    }
    case "call": {
      const [name = "", ...json] = words;
      const call = { id: `call_${++calls}`, name, arguments: JSON.parse(json.join(" ")) };
      write({ type: "tool_call", ...call });
      const { content, isError = false } = await client.callTool(call);
      write({ type: "tool_result", tool_call_id: call.id, content, is_error: isError });
      break;
    }
    case "work": {
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
      write({ type: "text", text: [process.pid, transport.pid, child.pid].join(" ") });
      await new Promise(() => setInterval(() => {}, 1000));
      break;
    }
    // A process in its own session that holds stdout open while it lives.
    case "leave":
      spawn("setsid", ["sleep", ...words], { stdio: ["ignore", "inherit", "inherit"] }).unref();
      break;
    case "tokens":
      write({ type: "usage", input_tokens: 12, output_tokens: 3 });
      break;
    case "fail":
      console.error("as requested");
      process.exit(3);
  }
}
write({ type: "usage", input_tokens: 12, output_tokens: 3 });
await client.close();
