import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { recoverJsonl } from "@plexum/jsonl-edit";
import { offeredToolName } from "@plexum/mcp-bridge";
import { connectPlugin, type HostToolCall, type ProviderEvent } from "@plexum/plugin-sdk";
import { type Block, ScriptedClaudeModel } from "@plexum/scripted-claude-model";
import { eventually, sleepers, uniqueSeconds } from "@plexum/test-support";
import { expect, onTestFinished, test } from "vitest";
import { consume } from "../src/session-file.ts";

const PROVIDER = join(import.meta.dirname, "../src/provider.ts");
const CLAUDE = join(import.meta.dirname, "../node_modules/.bin/claude");
const TOOLS = [{ name: "echo", description: "Says it again", input_schema: { type: "object" } }];
const RESULT = "a long result that the host consumes".repeat(20);

interface Setting {
  readonly tools?: typeof TOOLS;
  /** The answer of the host's tool. */
  readonly result?: string;
  /** An API that is not on loopback, for a test of the proxy itself. */
  readonly apiOutside?: string;
}

/** Starts a provider with the real claude. Requests that are not for loopback go to a proxy that refuses them; there must be none. */
async function setUp(script: readonly (readonly Block[])[], setting: Setting = {}) {
  const { tools = TOOLS, result = RESULT, apiOutside } = setting;
  const model = await ScriptedClaudeModel.start(script);
  const folder = await mkdtemp(join(tmpdir(), "claude-provider-test-"));
  const outside: (string | undefined)[] = [];
  const proxy = createServer((request, response) => {
    outside.push(request.url);
    response.writeHead(403).end();
  }).on("connect", (request, socket) => {
    outside.push(request.url);
    socket.on("error", () => {}); // claude has gone
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const refusing = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const calls: HostToolCall[] = [];
  const plugin = await connectPlugin({
    command: process.execPath,
    args: [PROVIDER],
    onLog: () => {},
    callTool: async (call) => {
      calls.push(call);
      return { content: [{ type: "text", text: result }] };
    },
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      // Its own sockets and temporary files: other tests have an agent of the same name.
      TMPDIR: folder,
      CLAUDE_BIN: CLAUDE,
      CLAUDE_CONFIG_DIR: join(folder, "config"),
      ANTHROPIC_BASE_URL: apiOutside ?? model.baseUrl,
      ANTHROPIC_API_KEY: "none",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      HTTP_PROXY: refusing,
      HTTPS_PROXY: refusing,
      NO_PROXY: "127.0.0.1",
    },
  });
  onTestFinished(async () => {
    await plugin.close();
    await model[Symbol.asyncDispose]();
    proxy.close();
    await rm(folder, { recursive: true });
    if (apiOutside === undefined) expect(outside).toEqual([]);
  });
  const workspace = join(folder, "workspace");
  const turn = async (text: string, signal?: AbortSignal) => {
    const events: ProviderEvent[] = [];
    const agent = { agent_id: "alice", workspace };
    const request = { messages: [{ role: "user" as const, content: [{ type: "text" as const, text }] }], tools };
    const sent = { stream_id: text, model_id: "sonnet", agent, request };
    for await (const event of plugin.stream(sent, signal && { signal })) events.push(event);
    return events;
  };
  const sent = () => JSON.stringify(model.requests.at(-1)?.messages);
  return { model, plugin, turn, calls, sent, workspace, folder, outside };
}

/** Returns the processes with the test's home folder in their environment: claude and its children. */
const processesOf = (folder: string): string[] =>
  readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(`HOME=${folder}`);
    } catch {
      return false;
    }
  });

test("text arrives in pieces, tokens are counted, and the next turn knows the first", async () => {
  const { turn, sent } = await setUp([[{ type: "text", text: "hello there" }], [{ type: "text", text: "again" }]]);
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
  for (const text of ["first question", "hello there", "second question"]) expect(sent()).toContain(text);
});

test("a host tool's call has claude's id, and the model no longer sees its result after it is consumed", async () => {
  const call = { type: "tool_use", id: "toolu_1", name: "mcp__host__echo", input: { a: 1 } } as const;
  const { plugin, turn, calls, sent, workspace } = await setUp([
    [call],
    [{ type: "text", text: "done" }],
    [{ type: "text", text: "gone" }],
  ]);
  const events = await turn("call it");
  expect(calls).toMatchObject([{ call_id: "toolu_1", name: "echo", arguments: { a: 1 } }]);
  expect(events).toContainEqual({
    type: "tool_call_start",
    tool_call: { id: "toolu_1", name: "echo", namespace: "mcp__host" },
  });
  expect(events.find(({ type }) => type === "tool_result")).toMatchObject({ tool_result: { tool_call_id: "toolu_1" } });
  expect(sent()).toContain(RESULT);
  const mutations = ["toolu_1", "toolu_2"].map((block_id) => ({ block_id, op: "consume-light" }));
  const report = await plugin.mutate({ agent_id: "alice", workspace, mutations });
  expect(report).toEqual({ requested: 2, touched: 1, missing: ["toolu_2"], skipped: [] });
  await turn("and now");
  expect(sent()).toContain("...(consumed)");
  expect(sent()).not.toContain(RESULT);
});

test("a tool whose name MCP does not allow has the host's name in the call and in the events", async () => {
  const tool = { name: "say it. again!", description: "Says it again", input_schema: { type: "object" } };
  const name = `mcp__host__${offeredToolName(tool.name)}`;
  const { turn, calls, model } = await setUp(
    [[{ type: "tool_use", id: "toolu_1", name, input: {} }], [{ type: "text", text: "done" }]],
    { tools: [tool] },
  );
  const events = await turn("call it");
  expect(JSON.stringify(model.requests[0])).toContain(name);
  expect(calls).toMatchObject([{ name: tool.name }]);
  expect(events).toContainEqual({
    type: "tool_call_start",
    tool_call: { id: "toolu_1", name: tool.name, namespace: "mcp__host" },
  });
});

test("a canceled turn leaves no command alive, even in its own session or ignoring SIGTERM", async () => {
  const [apart, deaf, behind] = [uniqueSeconds(), uniqueSeconds(), uniqueSeconds()];
  const command = `setsid sleep ${apart} & sleep ${behind} & (trap "" TERM INT; sleep ${deaf}; sleep ${deaf})`;
  const { turn } = await setUp([[{ type: "tool_use", id: "toolu_1", name: "Bash", input: { command } }]]);
  const cancel = new AbortController();
  const alive = () => [apart, deaf, behind].map((seconds) => sleepers(seconds).length);
  const events = turn("run it", cancel.signal);
  await eventually("the commands run", () => alive().every((count) => count > 0));
  cancel.abort();
  expect((await events).at(-1)).toMatchObject({ type: "message_end", stop_reason: "cancelled" });
  expect(alive()).toEqual([0, 0, 0]);
});

test("a failed turn says why; a lost session is replaced by a new one", async () => {
  const { model, turn, workspace, sent } = await setUp([[{ type: "text", text: "old" }]]);
  await turn("before the loss");
  const failed = await turn("will fail");
  expect(failed.find(({ type }) => type === "error")).toMatchObject({ error: { code: "failed" } });
  model.add([{ type: "text", text: "new" }]);
  await writeFile(join(workspace, ".plexum-claude-session"), "0199a213-81c0-7800-8aa1-bbab2a035a53");
  await turn("from the start");
  expect(sent()).toContain("from the start");
  expect(sent()).not.toContain("before the loss");
});

test("when the provider is killed, claude's processes end too", async () => {
  const seconds = uniqueSeconds();
  const input = { command: `setsid sleep ${seconds}` };
  const { plugin, turn, folder } = await setUp([[{ type: "tool_use", id: "toolu_1", name: "Bash", input }]]);
  const events = turn("run it").catch((error: unknown) => error);
  await eventually("the command runs", () => sleepers(seconds).length > 0);
  process.kill(plugin.pid as number, "SIGKILL");
  expect(await events).toBeInstanceOf(Error);
  await eventually("claude and its command are gone", () => processesOf(folder).length === 0, 3000);
  expect(sleepers(seconds)).toEqual([]);
});

test("a call that is consumed heavily also loses its arguments; an unknown operation changes nothing", async () => {
  const input = { path: "a long argument that the host consumes".repeat(20) };
  const call = { type: "tool_use", id: "toolu_1", name: "mcp__host__echo", input } as const;
  const { plugin, turn, sent, workspace } = await setUp([
    [call],
    [{ type: "text", text: "done" }],
    [{ type: "text", text: "gone" }],
  ]);
  await turn("call it");
  const mutations = [
    { block_id: "toolu_1", op: "consume-heavy" },
    { block_id: "toolu_1", op: "burn" },
  ];
  expect(await plugin.mutate({ agent_id: "alice", workspace, mutations })).toMatchObject({
    touched: 1,
    skipped: [{ block_id: "toolu_1", reason: "unknown operation burn" }],
  });
  await turn("and now");
  expect(sent()).toContain("...(tool called)");
  expect(sent()).not.toContain(input.path);
  expect(sent()).not.toContain(RESULT);
});

test("two turns of one workspace never run concurrently: the second is refused while the first runs", async () => {
  const { model, turn } = await setUp([
    [{ type: "tool_use", id: "toolu_1", name: "Bash", input: { command: "sleep 3" } }],
    [{ type: "text", text: "slept" }],
    [{ type: "text", text: "second" }],
  ]);
  const first = turn("the first turn");
  await eventually("the first turn runs", () => model.requests.length > 0);
  await expect(turn("the second turn")).rejects.toMatchObject({ data: { code: "busy" } });
  expect((await first).at(-1)).toMatchObject({ stop_reason: "end_turn" });
  expect((await turn("the second turn again")).at(-1)).toMatchObject({ stop_reason: "end_turn" });
  const seen = model.requests.map(({ messages }) => JSON.stringify(messages).includes("the second turn"));
  expect(seen).toEqual([false, false, true]);
});

test("a canceled turn ends a server that claude runs in the background", async () => {
  const program = `require("net").createServer().listen(0, "127.0.0.1", function () {
    require("fs").writeFileSync("port", String(this.address().port));
    setTimeout(() => process.exit(), 120_000);
  })`;
  const server = `'${process.execPath}' -e '${program}'`;
  const seconds = uniqueSeconds();
  const { turn, workspace } = await setUp([
    [{ type: "tool_use", id: "toolu_1", name: "Bash", input: { command: server, run_in_background: true } }],
    [{ type: "tool_use", id: "toolu_2", name: "Bash", input: { command: `setsid sleep ${seconds}` } }],
  ]);
  const cancel = new AbortController();
  const events = turn("serve", cancel.signal);
  await eventually("the command after it runs", () => sleepers(seconds).length > 0, 25_000);
  await eventually("the server listens", () => existsSync(join(workspace, "port")));
  const port = Number(readFileSync(join(workspace, "port"), "utf8"));
  expect(await isListening(port)).toBe(true);
  cancel.abort();
  expect((await events).at(-1)).toMatchObject({ type: "message_end", stop_reason: "cancelled" });
  expect(await isListening(port)).toBe(false);
});

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

test("the proxy counts claude's requests to an outside address", async () => {
  const { turn, outside } = await setUp([], { apiOutside: "https://outside.invalid" });
  const cancel = new AbortController();
  const events = turn("hello", cancel.signal);
  await eventually("the proxy is asked", () => outside.length > 0, 25_000);
  cancel.abort();
  await events;
  expect(outside).toContain("outside.invalid:443");
});

test("a result that claude keeps in a separate file is consumed in its line, and the file stays", async () => {
  const result = Array.from({ length: 12_000 }, (_, line) => `line ${line} of a long result`).join("\n");
  const { plugin, turn, sent, workspace, folder } = await setUp(
    [
      [{ type: "tool_use", id: "toolu_1", name: "mcp__host__echo", input: {} }],
      [{ type: "text", text: "done" }],
      [{ type: "text", text: "gone" }],
    ],
    { result },
  );
  await turn("call it");
  expect(result.length).toBeGreaterThan(290_000);
  const kept = globSync("config/projects/*/*/tool-results/*", { cwd: folder }).map((path) => join(folder, path));
  expect(kept).toHaveLength(1);
  const [file = ""] = kept;
  expect(readFileSync(file, "utf8")).toContain("line 11999 of a long result");
  expect(sent()).toContain(basename(file));
  const mutations = [{ block_id: "toolu_1", op: "consume-light" }];
  expect(await plugin.mutate({ agent_id: "alice", workspace, mutations })).toMatchObject({ touched: 1, skipped: [] });
  await turn("and now");
  expect(sent()).toContain("...(consumed)");
  expect(sent()).not.toContain("of a long result");
  expect(sent()).not.toContain(basename(file));
  expect(readFileSync(file, "utf8")).toContain("line 11999 of a long result");
});

test("a consumption that is killed at any file operation is complete or has not happened", {
  timeout: 180_000,
}, async () => {
  const { turn, folder } = await setUp([
    [{ type: "tool_use", id: "toolu_1", name: "mcp__host__echo", input: { path: "a long argument".repeat(20) } }],
    [{ type: "text", text: "done" }],
  ]);
  await turn("call it");
  const [session = ""] = globSync("config/projects/*/*.jsonl", { cwd: folder }).map((path) => join(folder, path));
  const before = readFileSync(session);
  const child = (path: string, ...args: string[]) =>
    promisify(execFile)(process.execPath, [
      join(import.meta.dirname, "consume-child.ts"),
      path,
      "consume-heavy",
      ...args,
    ]);
  const copy = (name: string) => {
    const path = join(folder, `${name}.jsonl`);
    writeFileSync(path, before);
    return path;
  };
  const whole = copy("whole");
  const operations = Number((await child(whole)).stdout);
  const after = readFileSync(whole);
  expect(after.equals(before)).toBe(false);
  const seen = new Set<string>();
  for (let at = 1; at <= operations; at++) {
    const path = copy(`killed-${at}`);
    await expect(child(path, String(at))).rejects.toMatchObject({ signal: "SIGKILL" });
    await recoverJsonl(path); // as the next turn does
    const now = readFileSync(path);
    expect(now.equals(before) || now.equals(after), `operation ${at}`).toBe(true);
    seen.add(now.equals(after) ? "whole" : "nothing");
    await consume(path, [{ block_id: "toolu_1", op: "consume-heavy" }]);
    expect(readFileSync(path).equals(after), `operation ${at}, done again`).toBe(true);
  }
  expect([...seen].sort()).toEqual(["nothing", "whole"]);
});
