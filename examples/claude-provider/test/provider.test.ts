import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectPlugin, type ProviderEvent } from "@plexum/plugin-sdk";
import { ScriptedClaudeModel } from "@plexum/scripted-claude-model";
import { expect, test } from "vitest";

const PROVIDER = join(import.meta.dirname, "../src/provider.ts");
const CLAUDE = join(import.meta.dirname, "../node_modules/.bin/claude");

test("text comes in pieces, tokens are counted, and the next turn knows of the first", {
  timeout: 60_000,
}, async () => {
  await using model = await ScriptedClaudeModel.start([
    [{ type: "text", text: "hello there" }],
    [{ type: "text", text: "again" }],
  ]);
  const folder = await mkdtemp(join(tmpdir(), "claude-provider-test-"));
  try {
    await using plugin = await connectPlugin({
      command: process.execPath,
      args: [PROVIDER],
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        CLAUDE_BIN: CLAUDE,
        CLAUDE_CONFIG_DIR: join(folder, "config"),
        ANTHROPIC_BASE_URL: model.baseUrl,
        ANTHROPIC_API_KEY: "none",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        DISABLE_AUTOUPDATER: "1",
      },
    });
    const turn = async (text: string) => {
      const events: ProviderEvent[] = [];
      const agent = { agent_id: "alice", workspace: join(folder, "workspace") };
      const request = { messages: [{ role: "user" as const, content: [{ type: "text" as const, text }] }] };
      for await (const event of plugin.stream({ stream_id: text, model_id: "sonnet", agent, request }))
        events.push(event);
      return events;
    };
    expect(await turn("first question")).toEqual([
      { type: "message_start" },
      { type: "text_delta", text: "hello " },
      { type: "text_delta", text: "there" },
      {
        type: "message_end",
        stop_reason: "end_turn",
        usage: { input_tokens: 30, output_tokens: 5, cache_read_tokens: 20, thinking_tokens: 0 },
      },
    ]);
    expect((await turn("second question")).at(-1)).toMatchObject({ stop_reason: "end_turn" });
    const sent = JSON.stringify(model.requests.at(-1)?.messages);
    for (const text of ["first question", "hello there", "second question"]) expect(sent).toContain(text);
  } finally {
    await rm(folder, { recursive: true });
  }
});
