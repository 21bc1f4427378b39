import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { splitLines } from "@plexum/jsonl";
import { startBridge } from "@plexum/mcp-bridge";
import { type Host, type StreamContext, type StreamRequest, serve } from "@plexum/plugin-sdk";

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

async function stream({ stream_id, agent: { agent_id, workspace: cwd }, request }: StreamRequest, turn: StreamContext) {
  const { emit, signal } = turn;
  const blocks = request.messages.at(-1)?.content ?? [];
  const prompt = blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");
  if (prompt === "") throw new Error("the last message has no text");

  // The host's tools: an MCP server for this turn, which the CLI reaches by starting the relay.
  await using bridge = await startBridge({
    agentId: agent_id,
    tools: (request.tools ?? []).map(({ input_schema, ...tool }) => ({ ...tool, inputSchema: input_schema })),
    callTool: ({ name, arguments: args, signal }) =>
      host.callTool({ agent_id, stream_id, name, arguments: { ...args } }, { signal }),
  });
  const relay = [RELAY, "--socket", bridge.socketPath, "--agent-id", agent_id];
  const server = { command: process.execPath, args: relay, env: { PLEXUM_MCP_TOKEN: bridge.token } };
  const folder = await mkdtemp(join(tmpdir(), "small-provider-"));
  const config = join(folder, "mcp.json");
  await writeFile(config, JSON.stringify({ mcpServers: { host: server } }), { mode: 0o600 });

  // A process group of its own, so that whatever the CLI starts can be ended with it.
  const cli = spawn(CLI, ["--mcp-config", config], { cwd, stdio: ["pipe", "pipe", "inherit"], detached: true });
  const exited = once(cli, "exit");
  const end = () => cli.pid !== undefined && endGroup(cli.pid);
  signal.addEventListener("abort", end);
  try {
    await Promise.race([once(cli, "spawn"), exited]); // throws if there is no such program: the turn is refused
    cli.stdin.on("error", () => {}); // the exit code tells
    cli.stdin.end(prompt);
    await emit({ type: "message_start" });
    signal.throwIfAborted();

    const usage = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, thinking_tokens: 0 };
    for await (const line of splitLines(cli.stdout)) {
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
    const [exitCode] = await exited;
    signal.throwIfAborted();
    if (exitCode !== 0) throw new Error(`the CLI ended with exit code ${exitCode}: its stderr says why`);
    await emit({ type: "message_end", stop_reason: "end_turn", usage });
  } finally {
    end();
    await exited.catch(() => {});
    await rm(folder, { recursive: true });
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {} // nobody is left in it
}
