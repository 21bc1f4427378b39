import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CallToolResult, type ConnectedPlugin, connectPlugin, type ProviderEvent } from "@plexum/plugin-sdk";
import { sleepers, uniqueSeconds } from "@plexum/test-support";
import { afterAll, beforeAll, expect, test } from "vitest";

const PROVIDER = join(import.meta.dirname, "../src/provider.ts");
const SMALL_CLI = join(import.meta.dirname, "small-cli.ts");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "small-provider-test-"));
  const cli = join(folder, "small-cli");
  await writeFile(cli, `#!/bin/sh\nexec '${process.execPath}' '${SMALL_CLI}' "$@"\n`);
  await chmod(cli, 0o755);
});
afterAll(() => rm(folder, { recursive: true }));

interface HostOptions {
  readonly cli?: string;
  readonly callTool?: (call: { name: string; arguments: Record<string, unknown> }) => Promise<CallToolResult>;
}

/** Starts the provider as a host does. Its temporary files and sockets are in the test's folder. */
function connect({ cli = join(folder, "small-cli"), callTool }: HostOptions = {}): Promise<ConnectedPlugin> {
  const env = { ...process.env, SMALL_CLI: cli, TMPDIR: folder, XDG_RUNTIME_DIR: "" };
  return connectPlugin({
    command: process.execPath,
    args: [PROVIDER],
    env,
    ...(callTool && { callTool }),
    onStderr: () => {},
  });
}

const tools = [{ name: "read_file", description: "Reads a file", input_schema: { type: "object" } }];

const request = (prompt: string) => ({
  stream_id: "s1",
  model_id: "small",
  agent: { agent_id: "alice", workspace: folder },
  request: { messages: [{ role: "user" as const, content: [{ type: "text" as const, text: prompt }] }], tools },
});

async function turn(plugin: ConnectedPlugin, prompt: string): Promise<ProviderEvent[]> {
  const events = [];
  for await (const event of plugin.stream(request(prompt))) events.push(event);
  return events;
}

const end = (stop_reason: string, input_tokens = 0, output_tokens = 0) => ({
  type: "message_end",
  stop_reason,
  usage: { input_tokens, output_tokens, cache_read_tokens: 0, thinking_tokens: 0 },
});

test("a turn returns the CLI's text and tokens", async () => {
  await using plugin = await connect();
  expect(plugin.manifest).toMatchObject({ name: "small-provider", contracts: { provider: { models: ["small"] } } });
  expect(await turn(plugin, "say Hello.\nsay It is a fine day.")).toEqual([
    { type: "message_start" },
    { type: "text_delta", text: "Hello." },
    { type: "text_delta", text: "It is a fine day." },
    end("end_turn", 12, 3),
  ]);
});

test("the CLI can call the host's tools", async () => {
  const content = [{ type: "text", text: "its content" }];
  await using plugin = await connect({
    async callTool({ name, arguments: { path } }) {
      if (name !== "read_file" || path !== "a.txt") throw new Error(`there is no ${path}`);
      return { content };
    },
  });
  const args = '{"path":"a.txt"}';
  expect(await turn(plugin, `tools\ncall read_file ${args}\ncall read_file {"path":"b.txt"}`)).toEqual([
    { type: "message_start" },
    { type: "text_delta", text: "read_file: Reads a file" },
    { type: "tool_call_start", tool_call: { id: "call_1", name: "read_file" } },
    { type: "tool_call_delta", tool_call: { id: "call_1", arguments: args } },
    { type: "tool_call_end", tool_call: { id: "call_1" } },
    { type: "tool_result", tool_result: { tool_call_id: "call_1", content, is_error: false } },
    { type: "tool_call_start", tool_call: { id: "call_2", name: "read_file" } },
    { type: "tool_call_delta", tool_call: { id: "call_2", arguments: '{"path":"b.txt"}' } },
    { type: "tool_call_end", tool_call: { id: "call_2" } },
    {
      type: "tool_result",
      tool_result: {
        tool_call_id: "call_2",
        content: [{ type: "text", text: expect.stringContaining("there is no b.txt") }],
        is_error: true,
      },
    },
    end("end_turn", 12, 3),
  ]);
});

test("a canceled turn leaves no process and no file", async () => {
  await using plugin = await connect();
  const before = await readdir(folder);
  const cancel = new AbortController();
  const events: ProviderEvent[] = [];
  let pids: number[] = [];
  for await (const event of plugin.stream(request("work"), { signal: cancel.signal })) {
    events.push(event);
    if (event.type !== "text_delta") continue;
    pids = event.text.split(" ").map(Number);
    for (const pid of pids) expect(isAlive(pid), `${pid}`).toBe(true);
    cancel.abort();
  }
  expect(events.at(-1)).toEqual(end("cancelled"));
  expect(pids).toHaveLength(3);
  await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([]);
  const left = (await readdir(folder)).filter((name) => !before.includes(name) && !name.startsWith("plexum-mcp"));
  expect(left).toEqual([]);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a failing CLI and a missing CLI cause different errors", async () => {
  await using plugin = await connect();
  expect(await turn(plugin, "say I begin.\nfail")).toEqual([
    { type: "message_start" },
    { type: "text_delta", text: "I begin." },
    { type: "error", error: { code: "internal", message: "the CLI ended with exit code 3: as requested\n" } },
    end("error"),
  ]);
  await using withoutCli = await connect({ cli: join(folder, "nothing") });
  await expect(turn(withoutCli, "say Hello.")).rejects.toThrow("install it");
});

test.each(["say Hello.", "work"])(
  "a process that left the CLI's group and holds its stdout ends with the turn: %s",
  async (last) => {
    const seconds = uniqueSeconds();
    await using plugin = await connect();
    const cancel = new AbortController();
    const events: ProviderEvent[] = [];
    for await (const event of plugin.stream(request(`leave ${seconds}\ntokens\n${last}`), { signal: cancel.signal })) {
      events.push(event);
      if (event.type === "text_delta" && last === "work") cancel.abort();
    }
    // The tokens that the CLI has reported are not lost when the turn is canceled.
    expect(events.at(-1)).toEqual(end(last === "work" ? "cancelled" : "end_turn", 12, 3));
    expect(sleepers(seconds)).toEqual([]);
  },
);
