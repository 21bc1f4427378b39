import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locateExecutable, startCli } from "@plexum/cli-turn";
import { startBridge } from "@plexum/mcp-bridge";
import { type Host, type MutateRequest, type StreamContext, type StreamRequest, serve } from "@plexum/plugin-sdk";
import { lockWorkspace, WorkspaceThread } from "@plexum/session-store";
import { type ClaudeEvent, toHostEvents, usageOf } from "./claude-events.ts";
import { consume, findSession } from "./session-file.ts";

const fileName = ".plexum-claude-session";
const RELAY = join(import.meta.dirname, "relay.ts");
const ARGS = ["--print", "--output-format", "stream-json", "--verbose", "--include-partial-messages"];
const TOOLS = ["--strict-mcp-config", "--allowedTools", "Bash,Read,Edit,Write,mcp__host"];
let host: Host;

await serve({
  initialize(theHost) {
    host = theHost;
    const contracts = { provider: { models: ["sonnet", "opus", "haiku"] } };
    return { name: "claude-provider", version: "1.0.0", activation: "lazy", executable: "claude-provider", contracts };
  },
  stream,
  mutate,
});

async function stream({ stream_id, agent, request, model_id }: StreamRequest, { emit, signal }: StreamContext) {
  const { agent_id, workspace } = agent;
  const blocks = request.messages.at(-1)?.content ?? [];
  const stdin = blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");
  if (stdin === "") throw failure("empty_prompt", "the last message has no text");
  const { CLAUDE_BIN = "claude" } = process.env;
  const path = await locateExecutable(CLAUDE_BIN, process.env, "npm install -g @anthropic-ai/claude-code");

  await using _lock = await lockWorkspace(workspace, { fileName, signal });
  const store = new WorkspaceThread(workspace, { fileName });
  const { threadId, warning } = await store.load();
  if (warning !== undefined) host.log("warning", warning);
  const isKnown = threadId !== undefined && (await findSession(threadId)) !== undefined;
  if (threadId !== undefined && !isKnown) host.log("warning", `session ${threadId} is lost: a new one begins`);
  const id = isKnown ? threadId : randomUUID();
  // Before the turn, so that a canceled one is not lost.
  await store.save(id);

  await using bridge = await startBridge({
    agentId: agent_id,
    tools: (request.tools ?? []).map(({ input_schema, ...tool }) => ({ ...tool, inputSchema: input_schema })),
    identifyCall: (meta) => ({ callId: String(meta["claudecode/toolUseId"]) }),
    callTool: ({ name, arguments: args, callId, signal }) =>
      host.callTool({ agent_id, stream_id, call_id: callId, name, arguments: { ...args } }, { signal }),
  });
  const relay = [RELAY, "--socket", bridge.socketPath, "--agent-id", agent_id];
  const server = { command: process.execPath, args: relay, env: { PLEXUM_MCP_TOKEN: bridge.token } };
  const folder = await mkdtemp(join(tmpdir(), "claude-provider-"));
  try {
    const config = join(folder, "mcp.json");
    await writeFile(config, JSON.stringify({ mcpServers: { host: server } }), { mode: 0o600 });
    const model = model_id === "" ? [] : ["--model", model_id];
    const args = [...ARGS, ...TOOLS, "--mcp-config", config, ...model, isKnown ? "--resume" : "--session-id", id];
    const program = { path, command: path, prefix: [] };
    await using run = await startCli({ program, args, workspace, stdin, signal });
    await emit({ type: "message_start" });
    let last: ClaudeEvent | undefined;
    for await (const line of run.output) {
      if (line.kind === "oversized") continue;
      const event: ClaudeEvent = JSON.parse(Buffer.from(line.bytes).toString());
      if (event.type === "assistant") run.expectCommand();
      for (const hostEvent of toHostEvents(event)) await emit(hostEvent);
      if (event.type === "result") last = event;
    }
    const { exitCode, stderr, ending } = await run.result;
    if (ending?.reason === "timed_out") throw failure("timeout", `claude took longer than ${ending.afterMs} ms`);
    signal.throwIfAborted();
    if (last === undefined || last.is_error || exitCode !== 0) {
      const reason = last?.errors?.join("\n") || last?.result || stderr || `claude ended with exit code ${exitCode}`;
      throw failure("claude_failed", reason);
    }
    await emit({ type: "message_end", stop_reason: "end_turn", usage: usageOf(last.usage) });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function mutate({ workspace, mutations }: MutateRequest) {
  await using _lock = await lockWorkspace(workspace, { fileName });
  const { threadId } = await new WorkspaceThread(workspace, { fileName }).load();
  return consume(threadId === undefined ? undefined : await findSession(threadId), mutations);
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
