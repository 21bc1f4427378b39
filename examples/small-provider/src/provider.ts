import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locateExecutable, startCli } from "@plexum/cli-turn";
import { hostToolServer, mcpServerEntry, startBridge } from "@plexum/mcp-bridge";
import { type Host, lastUserText, type StreamContext, type StreamRequest, serve } from "@plexum/plugin-sdk";

const CLI = process.env.SMALL_CLI ?? "small-cli";
const RELAY = join(import.meta.dirname, "relay.ts");
let host: Host;

await serve({
  initialize(theHost) {
    host = theHost;
    const contracts = { provider: { models: ["small"] } };
    return { name: "small-provider", version: "1.0.0", activation: "lazy", executable: "small-provider", contracts };
  },
  stream,
});

async function stream(request: StreamRequest, { emit, signal }: StreamContext) {
  const { workspace } = request.agent;
  const prompt = lastUserText(request.request.messages); // throws if there is none, which refuses the turn
  const path = await locateExecutable(CLI, process.env, "install it"); // throws if it is missing

  // The host's tools: an MCP server for this turn. The CLI starts the relay to reach it.
  await using bridge = await startBridge(hostToolServer({ host, request, signal }));
  const server = mcpServerEntry(bridge, { command: process.execPath, args: [RELAY] });
  const folder = await mkdtemp(join(tmpdir(), "small-provider-")); // if killed, it leaves this, with a token that expired
  const config = join(folder, "mcp.json");
  await writeFile(config, JSON.stringify({ mcpServers: { host: server } }), { mode: 0o600 });

  try {
    const program = { path, command: path, prefix: [] };
    await using run = await startCli({ program, args: ["--mcp-config", config], workspace, stdin: prompt, signal });
    await emit({ type: "message_start" });

    const usage = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, thinking_tokens: 0 };
    for await (const line of run.output) {
      if (line.kind === "oversized") continue;
      const { type, ...event } = JSON.parse(Buffer.from(line.bytes).toString());
      if (type === "text") await emit({ type: "text_delta", text: event.text });
      if (type === "tool_call") {
        const { id, name, arguments: args } = event;
        await emit({ type: "tool_call_start", tool_call: { id, name } });
        await emit({ type: "tool_call_delta", tool_call: { id, arguments: JSON.stringify(args) } });
        await emit({ type: "tool_call_end", tool_call: { id } });
      }
      if (type === "tool_result") await emit({ type: "tool_result", tool_result: event });
      if (type === "usage") Object.assign(usage, event);
    }
    const { exitCode, stderr } = await run.result; // the CLI is gone, and so is everything it started
    if (!signal.aborted && exitCode !== 0) throw new Error(`the CLI ended with exit code ${exitCode}: ${stderr}`);
    await emit({ type: "message_end", stop_reason: signal.aborted ? "cancelled" : "end_turn", usage });
  } finally {
    await rm(folder, { recursive: true });
  }
}
