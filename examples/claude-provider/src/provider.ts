import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { locateExecutable, startCli } from "@plexum/cli-turn";
import { recoverJsonl } from "@plexum/jsonl-edit";
import { hostToolNames, hostToolServer, mcpServerEntry, startBridge } from "@plexum/mcp-bridge";
import { type Host, lastUserText, type Plugin, serve, withConversationSoFar } from "@plexum/plugin-sdk";
import { lockWorkspace, WorkspaceThread } from "@plexum/session-store";
import { addUsage, type ClaudeEvent, claudeName, FAILURE_CODES, toHostEvents, toUsage } from "./claude-events.ts";
import { privateFolder, removeLeftoverFolders } from "./private-folder.ts";
import { consume, findSession } from "./session-file.ts";

const fileName = ".plexum-claude-session";
const RELAY = join(import.meta.dirname, "relay.ts");
const ARGS = ["--print", "--output-format", "stream-json", "--verbose", "--include-partial-messages"];
const TOOLS = ["--strict-mcp-config", "--allowedTools", "Bash,Read,Edit,Write,mcp__host"];
const SNAPSHOT = ["--system-prompt-snapshot", "off"]; // otherwise a session keeps its first system prompt
/** Claude needs about 1.4 s to record the interruption and its tokens (2.1.332). */
const END_STEPS = [{ signal: "SIGINT", graceMs: 4000 } as const, { signal: "SIGTERM", graceMs: 300 } as const];
/** A new session gets the conversation so far, in case it replaces a lost one. */
const HISTORY = { maxCharacters: 100_000, reason: "This session is new." };
let host: Host;

const stream: Plugin["stream"] = async (streamRequest, { emit, signal }) => {
  const { agent, request, model_id } = streamRequest;
  const { workspace } = agent;
  const prompt = lastUserText(request.messages);
  const names = hostToolNames(request.tools ?? [], claudeName);
  const { CLAUDE_BIN = "claude", ...env } = process.env;
  const path = await locateExecutable(CLAUDE_BIN, env, "npm install -g @anthropic-ai/claude-code");

  await using _lock = await lockWorkspace(workspace, { fileName, signal });
  const store = new WorkspaceThread(workspace, { fileName });
  const { threadId, warning } = await store.load();
  if (warning !== undefined) host.log("warning", warning);
  const session = threadId === undefined ? undefined : await findSession(threadId);
  if (threadId && !session) host.log("warning", `session ${threadId} is lost: a new one begins`);
  if (session) await recoverJsonl(session); // repairs a half-done edit before claude reads the file
  const id = (session && threadId) ?? randomUUID();
  await store.save(id); // before the turn, so that a canceled turn keeps its session

  const identifyCall = (meta: Record<string, unknown>) => ({ callId: meta["claudecode/toolUseId"] as string });
  const onWarning = (message: string) => host.log("warning", message);
  await using bridge = await startBridge(
    hostToolServer({ host, request: streamRequest, signal, identifyCall, onWarning }),
  );
  const server = mcpServerEntry(bridge, { command: process.execPath, args: [RELAY] });
  const folder = await privateFolder();
  try {
    const [config, system] = [join(folder, "mcp.json"), join(folder, "system.md")];
    await writeFile(config, JSON.stringify({ mcpServers: { host: server } }), { mode: 0o600 });
    await writeFile(system, request.system ?? "", { mode: 0o600 });
    const args = [...ARGS, ...TOOLS, ...SNAPSHOT, "--mcp-config", config, session ? "--resume" : "--session-id", id];
    if (model_id !== "") args.push("--model", model_id);
    if (request.system) args.push("--append-system-prompt-file", system);
    const stdin = session ? prompt : withConversationSoFar(request.messages, prompt, HISTORY);
    const program = { path, command: path, prefix: [] };
    await using run = await startCli({ program, args, workspace, stdin, signal, endSteps: () => END_STEPS });
    await emit({ type: "message_start" });
    let usage = toUsage();
    let kind = "";
    let last: ClaudeEvent | undefined;
    for await (const line of run.output) {
      const event = line.kind === "line" ? parse(line.bytes) : undefined;
      if (event === undefined) continue;
      if (event.type === "assistant") run.expectCommand();
      for (const hostEvent of toHostEvents(event, names)) await emit(hostEvent);
      usage = addUsage(usage, event);
      kind = event.error ?? kind;
      if (event.type === "result") last = event;
    }
    const { exitCode, stderr, ending } = await run.result;
    const isWhole = last !== undefined && !last.is_error && exitCode === 0;
    const stop_reason = isWhole ? "end_turn" : signal.aborted ? "cancelled" : "error";
    if (stop_reason === "error") {
      const late = ending?.reason === "timed_out" && `claude took longer than ${ending.afterMs} ms`;
      const said = last?.errors?.join("\n") || last?.result || stderr || `claude ended with exit code ${exitCode}`;
      const code = late ? "timed_out" : (FAILURE_CODES[kind] ?? "failed");
      await emit({ type: "error", error: { code, message: late || said } });
    }
    await emit({ type: "message_end", stop_reason, usage });
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** Waits for a running turn, because claude would continue to write what it has in memory. */
const mutate: Plugin["mutate"] = async ({ workspace, mutations }, { signal }) => {
  await using _lock = await lockWorkspace(workspace, { fileName, signal, waitMs: Number.POSITIVE_INFINITY });
  const { threadId } = await new WorkspaceThread(workspace, { fileName }).load();
  return consume(threadId === undefined ? undefined : await findSession(threadId), mutations, { signal });
};

function parse(line: Uint8Array): ClaudeEvent | undefined {
  try {
    return Object(JSON.parse(Buffer.from(line).toString())); // a value that is not an object has none of the keys
  } catch {
    host.log("warning", "a line of claude's output is not JSON");
    return undefined;
  }
}

const onlyWarn = (error: Error) => host.log("warning", `leftovers can't be removed: ${error.message}`);

await serve({
  async initialize(theHost) {
    host = theHost;
    await removeLeftoverFolders().catch(onlyWarn);
    const contracts = { provider: { models: ["sonnet", "opus", "haiku"] } };
    return { name: "claude-provider", version: "1.0.0", activation: "lazy", executable: "claude-provider", contracts };
  },
  stream,
  mutate,
});
