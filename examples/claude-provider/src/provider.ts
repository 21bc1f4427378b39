import { locateExecutable, startCli } from "@plexum/cli-turn";
import { type StreamContext, type StreamRequest, serve } from "@plexum/plugin-sdk";
import { lockWorkspace, WorkspaceThread } from "@plexum/session-store";
import { type ClaudeEvent, textDelta, usageOf } from "./claude-events.ts";

const fileName = ".plexum-claude-session";
const ARGS = ["--print", "--output-format", "stream-json", "--verbose", "--include-partial-messages"];

await serve({
  initialize() {
    const contracts = { provider: { models: ["sonnet", "opus", "haiku"] } };
    return { name: "claude-provider", version: "1.0.0", activation: "lazy", executable: "claude-provider", contracts };
  },
  stream,
});

async function stream({ agent: { workspace }, request, model_id }: StreamRequest, { emit, signal }: StreamContext) {
  const blocks = request.messages.at(-1)?.content ?? [];
  const stdin = blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");
  if (stdin === "") throw new Error("the last message has no text");
  const path = await locateExecutable(
    process.env.CLAUDE_BIN ?? "claude",
    process.env,
    "npm i -g @anthropic-ai/claude-code",
  );

  await using _lock = await lockWorkspace(workspace, { fileName });
  const session = new WorkspaceThread(workspace, { fileName });
  const { threadId } = await session.load();
  const args = [...ARGS, "--model", model_id, ...(threadId === undefined ? [] : ["--resume", threadId])];
  await using run = await startCli({ program: { path, command: path, prefix: [] }, args, workspace, stdin, signal });
  await emit({ type: "message_start" });
  let last: ClaudeEvent | undefined;
  for await (const line of run.output) {
    if (line.kind === "oversized") continue;
    const event: ClaudeEvent = JSON.parse(Buffer.from(line.bytes).toString());
    const delta = textDelta(event);
    if (delta) await emit(delta);
    if (event.type === "result") last = event;
  }
  const { exitCode, stderr } = await run.result;
  signal.throwIfAborted();
  if (last === undefined || last.is_error || exitCode !== 0) {
    throw new Error(last?.errors?.join("\n") || last?.result || stderr || `claude ended with exit code ${exitCode}`);
  }
  if (last.session_id !== undefined) await session.save(last.session_id);
  await emit({ type: "message_end", stop_reason: "end_turn", usage: usageOf(last.usage) });
}
