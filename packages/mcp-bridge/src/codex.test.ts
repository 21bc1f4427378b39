// The bridge's tools in the real codex, from the floor to the newest version, against a scripted model.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { codex147, codex150, since, testedCodexes } from "@plexum/codex-versions";
import { CodexHome, type CodexInstall } from "@plexum/real-codex";
import { answer, codeModeScript, functionCall, type Script, ScriptedModel, say } from "@plexum/scripted-model";
import { temporaryFolder } from "@plexum/test-support";
import { afterEach, describe, expect, test } from "vitest";
import { rolloutLines, runTurn, startTurn } from "../test/codex-turn.ts";
import { relayCommand } from "../test/relay-command.ts";
import { codexNamespace, codexServerName, identifyCodexCall } from "./registration/codex-registration.ts";
import type { CallTool, ToolCall, ToolResult } from "./server/tool-call.ts";
import { type BridgeOptions, startBridge } from "./socket/socket-bridge.ts";

const DIRECT_MODEL = "gpt-5";
const CODE_MODE_MODEL = "gpt-5.6-sol";
const hasCodeMode = since("0.144.0");
const sendsCallIds = since("0.148.0");
const sendsItemIds = since("0.151.0");
const namespaceOf = (agentId: string) => codexNamespace(codexServerName(agentId));
const alice = namespaceOf("alice");
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const textResult = (text: string) => ({ content: [{ type: "text", text }] });

/** What a test has open. */
let stack = new AsyncDisposableStack();
afterEach(async () => {
  const done = stack;
  stack = new AsyncDisposableStack();
  await done.disposeAsync();
});

interface SetupOptions extends Partial<BridgeOptions> {
  readonly model?: string;
}

/** A host with its bridge, a model that follows the script, and a CODEX_HOME to match; all gone after the test. */
async function setup(script: Script, options: SetupOptions & { callTool: CallTool }) {
  const folder = stack.use(await temporaryFolder());
  const model = stack.use(await ScriptedModel.start(script));
  const home = stack.use(await CodexHome.create({ baseUrl: model.baseUrl, model: options.model ?? DIRECT_MODEL }));
  const bridge = stack.use(
    await startBridge({
      agentId: "alice",
      socketPath: join(folder.path, "a.sock"),
      tools: [{ name: "work", description: "Works", inputSchema: { type: "object", properties: {} } }],
      identifyCall: identifyCodexCall,
      ...options,
    }),
  );
  return { model, home, bridge };
}

/** A model that makes these calls and then ends the turn. */
const calling =
  (...items: ReturnType<typeof functionCall>[]): Script =>
  (request) =>
    request.continuesTurn ? say("done") : answer(items);

const work = (args: object = {}, callId = "call_1") => functionCall("work", args, { namespace: alice, callId });

/** What codex makes of a tool's content: what the model reads, codex's own item, and what the bridge says. */
async function resultOf(codex: CodexInstall, content: unknown[]) {
  const warnings: string[] = [];
  const { model, home, bridge } = await setup(calling(work()), {
    callTool: async () => ({ content: content as ToolResult["content"] }),
    onWarning: (message) => void warnings.push(message),
  });
  const { events } = await runTurn({ codex, home, bridge });
  const item = events.find(({ type, item }) => type === "item.completed" && item.type === "mcp_tool_call")?.item;
  return { output: JSON.stringify(model.lastRequest.outputsOf("call_1")), item, warnings };
}

/** A host whose calls all wait for the test. */
function heldCalls() {
  const calls: ToolCall[] = [];
  let onCall = () => {};
  return {
    calls,
    callTool: ((call) => {
      calls.push(call);
      onCall();
      return new Promise(() => {});
    }) satisfies CallTool,
    arrived: (count: number) =>
      new Promise<void>((resolve) => {
        onCall = () => calls.length >= count && resolve();
        onCall();
      }),
  };
}

describe("the model's first request", () => {
  const load: ChildProcess[] = [];
  afterEach(() => {
    for (const child of load.splice(0)) child.kill("SIGKILL");
  });

  const tools = [{ name: "work" }, { name: "read_file" }, { name: "list-folder" }];

  /** The tools of the namespace that the model can use after its first request, sorted. */
  async function toolsOfFirstRequest(codex: CodexInstall, mode: string, relay = relayCommand) {
    const nested = mode === "nested in code mode";
    const find = `text(JSON.stringify(ALL_TOOLS.map((tool) => tool.name).filter((name) => name.startsWith("mcp__"))))`;
    const script = nested ? calling(codeModeScript(find, { callId: "call_1" })) : [say("done")];
    const model = mode === "direct" ? DIRECT_MODEL : CODE_MODE_MODEL;
    const { model: server, home, bridge } = await setup(script, { tools, model, callTool: async () => textResult("") });
    const turn = await runTurn({ codex, home, bridge, relay, directTools: mode === "direct tools in code mode" });
    expect(turn.code, turn.stderr).toBe(0);
    if (!nested) return server.requests[0]?.toolNames.filter((name) => name.startsWith("mcp__")).sort();
    const [output] = server.lastRequest.outputsOf("call_1") as [{ text: string }[]];
    return JSON.parse(String(output.at(-1)?.text)).sort();
  }

  const expected = (mode: string) =>
    ["list_folder", "read_file", "work"].map((name) => `${alice}${mode === "nested in code mode" ? "__" : "."}${name}`);

  const modesOf = (codex: CodexInstall) =>
    hasCodeMode(codex) ? ["direct", "nested in code mode", "direct tools in code mode"] : ["direct"];
  const codexes = testedCodexes(codex147, codex150);

  test.each(codexes.flatMap((codex) => modesOf(codex).map((mode) => ({ mode, codex }))))(
    "has exactly the host's tools, each time, on a busy machine: $mode, codex $codex.version",
    async ({ mode, codex }) => {
      load.push(...Array.from({ length: 3 }, () => spawn(process.execPath, ["-e", "for (;;) {}"])));
      const turns = Array.from({ length: 5 }, () => toolsOfFirstRequest(codex, mode));
      expect(await Promise.all(turns)).toEqual(turns.map(() => expected(mode)));
    },
    60_000,
  );

  test.each(codexes)("waits for a relay that is slow to start: codex $version", async (codex) => {
    const { command, args } = relayCommand;
    const slow = { command: "/bin/sh", args: ["-c", 'sleep 1.5; exec "$0" "$@"', command, ...args] };
    const offered = modesOf(codex).map((mode) => toolsOfFirstRequest(codex, mode, slow));
    expect(await Promise.all(offered)).toEqual(modesOf(codex).map(expected));
  });
});

describe.each(testedCodexes())("codex $version", (codex) => {
  test("calls a tool, and shows the model its result, its images, or why it failed", async () => {
    const calls: ToolCall[] = [];
    const { model, home, bridge } = await setup(
      calling(work({ n: 1 }, "call_1"), work({ n: 2 }, "call_2"), work({ n: 3 }, "call_3")),
      {
        callTool: async (call) => {
          calls.push(call);
          if (call.arguments.n === 2) throw new Error("the disk is full of eels");
          if (call.arguments.n === 3) return { content: [{ type: "image", data: PNG, mimeType: "image/png" }] };
          return textResult("forty-two");
        },
      },
    );
    const turn = await runTurn({ codex, home, bridge });
    expect(turn.code, turn.stderr).toBe(0);
    const outputs = ["call_1", "call_2", "call_3"].map((id) => JSON.stringify(model.lastRequest.outputsOf(id)));
    expect(outputs[0]).toContain("forty-two");
    expect(outputs[1]).toContain("the disk is full of eels");
    expect(outputs[2]).toContain("input_image");
    expect(outputs[2]).toContain(PNG);
    calls.sort((a, b) => Number(a.arguments.n) - Number(b.arguments.n));
    expect(calls.map(({ callId }) => callId)).toEqual(
      sendsCallIds(codex) ? ["call_1", "call_2", "call_3"] : [undefined, undefined, undefined],
    );
    const lines = await rolloutLines(home);
    for (const { threadId, turnId } of calls) {
      expect(lines.find(({ type }) => type === "session_meta")?.payload.id).toBe(threadId);
      expect(lines.find(({ type }) => type === "turn_context")?.payload.turn_id).toBe(turnId);
    }
  });

  test.each<[string, unknown[], string[]]>([
    ["a kind that MCP doesn't know", [{ type: "table", rows: [1] }], ["beside", "rows"]],
    ["an image without its type", [{ type: "image", data: PNG }], ["beside", PNG]],
    [
      "malformed annotations",
      [{ type: "text", text: "noted", annotations: { priority: "high" } }],
      ["beside", "noted"],
    ],
    ["a text that is null", [{ type: "text", text: null }], ["beside"]],
    ["no type at all", ["loose"], ["beside", "loose"]],
  ])("a result that holds %s is a success, with the text beside it", async (_, content, expected) => {
    const { output, item, warnings } = await resultOf(codex, [{ type: "text", text: "beside" }, ...content]);
    expect(item).toMatchObject({ status: "completed", error: null });
    for (const part of expected) expect(output).toContain(part);
    expect(warnings).toEqual([expect.stringContaining('The tool "work" returned')]);
  });

  test("an empty result is a success", async () => {
    const { output, item, warnings } = await resultOf(codex, []);
    expect(item).toMatchObject({ status: "completed", error: null });
    expect(output).not.toContain("error");
    expect(warnings).toEqual([]);
  });

  test("runs five calls at once", async () => {
    const calls = Array.from({ length: 5 }, (_, n) => work({ n }, `call_${n}`));
    const { promise: allHere, resolve } = Promise.withResolvers<void>();
    let here = 0;
    const { model, home, bridge } = await setup(calling(...calls), {
      callTool: async ({ arguments: { n } }) => {
        if (++here === 5) resolve();
        await allHere;
        return textResult(`result ${n}`);
      },
    });
    await runTurn({ codex, home, bridge });
    for (let n = 0; n < 5; n++) {
      expect(JSON.stringify(model.lastRequest.outputsOf(`call_${n}`))).toContain(`result ${n}`);
    }
  });

  test("waits for a call as long as the bridge does, and reads why it ended", async () => {
    const { model, home, bridge } = await setup(calling(work({ n: 1 }, "call_1"), work({ n: 2 }, "call_2")), {
      callTimeoutMs: 1500,
      async callTool({ arguments: { n }, reportProgress }) {
        if (n === 2) return new Promise(() => {});
        for (let progress = 1; progress <= 8; progress++) {
          await delay(400);
          reportProgress({ progress, total: 8 });
        }
        return textResult("worth the wait");
      },
    });
    await runTurn({ codex, home, bridge });
    expect(JSON.stringify(model.lastRequest.outputsOf("call_1"))).toContain("worth the wait");
    expect(JSON.stringify(model.lastRequest.outputsOf("call_2"))).toContain("did not answer within 1.5 s");
  });

  test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("cancels the call when it gets %s", async (signal) => {
    const { calls, callTool, arrived } = heldCalls();
    const { home, bridge } = await setup(calling(work()), { callTool });
    const turn = startTurn({ codex, home, bridge });
    await arrived(1);
    turn.child.kill(signal);
    const call = calls[0] as ToolCall;
    if (!call.signal.aborted) await once(call.signal, "abort");
    await turn.finished;
  });

  test("continues when the bridge dies during a call", async () => {
    const { callTool, arrived } = heldCalls();
    const { model, home, bridge } = await setup(calling(work()), { callTool });
    const turn = startTurn({ codex, home, bridge });
    await arrived(1);
    await bridge.close();
    const { code, events } = await turn.finished;
    expect(code).toBe(0);
    expect(events.find(({ item }) => item?.status === "failed")).toMatchObject({ item: { tool: "work" } });
    expect(model.lastRequest.outputsOf("call_1")).toHaveLength(1);
  });

  test.each(["no bridge", "another bridge's token"])("continues without the tools when there is %s", async (fault) => {
    const { model, home, bridge } = await setup([say("done")], { callTool: async () => textResult("") });
    if (fault === "no bridge") await bridge.close();
    const turn = await runTurn({ codex, home, bridge: { ...bridge, token: "guess" } });
    expect(turn.code, turn.stderr).toBe(0);
    expect(model.lastRequest.toolNames.filter((name) => name.startsWith("mcp__"))).toEqual([]);
  });

  test("shows the model part of a result of 20 MB", async () => {
    const callTool = async () => textResult(`head ${"0123456789abcde\n".repeat(20 * 1024 * 64)}`);
    const { model, home, bridge } = await setup(calling(work()), { callTool });
    const turn = await runTurn({ codex, home, bridge });
    expect(turn.code, turn.stderr).toBe(0);
    expect(JSON.stringify(model.lastRequest.outputsOf("call_1"))).toContain("head 0123456789abcde");
  });

  test("accepts a thousand tools", async () => {
    const tools = Array.from({ length: 1000 }, (_, n) => ({ name: `tool_${n}`, description: `Tool ${n}` }));
    const last = functionCall("tool_999", {}, { namespace: alice, callId: "call_1" });
    const callTool: CallTool = async ({ name }) => textResult(`this is ${name}`);
    const { model, home, bridge } = await setup(calling(last), { tools, callTool });
    const turn = await runTurn({ codex, home, bridge });
    expect(turn.code, turn.stderr).toBe(0);
    const offered = model.requests[0]?.toolNames.filter((name) => name.startsWith(alice));
    expect(new Set(offered)).toEqual(new Set(tools.map(({ name }) => `${alice}.${name}`)));
    expect(JSON.stringify(model.lastRequest.outputsOf("call_1"))).toContain("this is tool_999");
  });

  test("sees one server and starts one relay, whatever the agents' ids; its config is unchanged", {
    timeout: 60_000,
  }, async () => {
    const ids = ["", "x".repeat(300), "a/b", "a_b", "a-b", "🦊", "../..", `"quoted"\n\x7f`, "$HOME `id`", "-c"];
    const model = stack.use(await ScriptedModel.start());
    const home = stack.use(await CodexHome.create({ baseUrl: model.baseUrl }));
    // codex itself notes there which folders it has worked in.
    await runTurn({ codex, home, bridge: { agentId: "nobody", socketPath: "/nowhere", token: "" } });
    const config = await readFile(join(home.path, "config.toml"), "utf8");
    const bridges = await Promise.all(
      ids.map(async (agentId, n) =>
        stack.use(
          await startBridge({
            agentId,
            socketPath: `${stack.use(await temporaryFolder()).path}/a.sock`,
            tools: [{ name: `tool_of_${n}` }],
            callTool: async () => textResult(`relays: ${await relaysOf(codexPid)};`),
          }),
        ),
      ),
    );
    let codexPid = 0;
    for (const [n, bridge] of bridges.entries()) {
      const namespace = namespaceOf(bridge.agentId);
      model.play(calling(functionCall(`tool_of_${n}`, {}, { namespace, callId: "call_1" })));
      const turn = startTurn({ codex, home, bridge });
      codexPid = Number(turn.child.pid);
      const { code, stderr } = await turn.finished;
      expect(code, stderr).toBe(0);
      const offered = model.lastRequest.toolNames.filter((name) => name.startsWith("mcp__"));
      expect(offered).toEqual([`${namespace}.tool_of_${n}`]);
      const [output] = model.lastRequest.outputsOf("call_1");
      expect(JSON.stringify(output)).toContain("relays: 1;");
    }
    expect(await readFile(join(home.path, "config.toml"), "utf8")).toBe(config);
  });
});

/** How many relays a process has started. */
async function relaysOf(pid: number): Promise<number> {
  const ps = spawn("ps", ["-A", "-ww", "-o", "ppid=,args="], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = (await text(ps.stdout)).split("\n").map((line) => line.trim());
  return lines.filter((line) => line.startsWith(`${pid} `) && line.includes("relay-process")).length;
}

describe.each(testedCodexes(codex147, codex150).filter(hasCodeMode))("in code mode of codex $version", (codex) => {
  test("a nested call names itself, and the call of the script it came from", async () => {
    const script = `const [a, b] = await Promise.all([tools.${alice}__work({ n: 1 }), tools.${alice}__work({ n: 2 })]);
      text(a.content[0].text + " and " + b.content[0].text);`;
    const calls: ToolCall[] = [];
    const { model, home, bridge } = await setup(calling(codeModeScript(script, { callId: "call_outer" })), {
      model: CODE_MODE_MODEL,
      callTool: async (call) => {
        calls.push(call);
        return textResult(`result ${call.arguments.n}`);
      },
    });
    await runTurn({ codex, home, bridge });
    expect(JSON.stringify(model.lastRequest.outputsOf("call_outer"))).toContain("result 1 and result 2");
    const lines = await rolloutLines(home);
    expect(calls).toHaveLength(2);
    const recorded = lines.flatMap(({ payload }) => (payload.type === "item_completed" ? [payload.item.id] : []));
    for (const { callId, itemId } of calls) {
      expect(callId).toEqual(sendsCallIds(codex) ? expect.stringMatching(/^exec-/) : undefined);
      if (sendsCallIds(codex)) expect(recorded).toContain(callId);
      const outer = lines.find(
        ({ payload }) => payload.call_id === "call_outer" && payload.type === "custom_tool_call",
      );
      expect(itemId).toBe(sendsItemIds(codex) ? outer?.payload.id : undefined);
    }
  });

  test("a direct tool's call is an item of its own", async () => {
    const callIds: unknown[] = [];
    const { model, home, bridge } = await setup(calling(work()), {
      model: CODE_MODE_MODEL,
      callTool: async ({ callId }) => {
        callIds.push(callId);
        return textResult("straight");
      },
    });
    await runTurn({ codex, home, bridge, directTools: true });
    expect(JSON.stringify(model.lastRequest.outputsOf("call_1"))).toContain("straight");
    expect(callIds).toEqual([sendsCallIds(codex) ? "call_1" : undefined]);
    const items = (await rolloutLines(home)).filter(({ type }) => type === "response_item");
    expect(items.find(({ payload }) => payload.type === "function_call")?.payload).toMatchObject({
      call_id: "call_1",
    });
  });
});

describe.each(testedCodexes())("a deep result in codex $version", (codex) => {
  test.each([98, 99, 200, 1e5])("of %i levels reaches the model", async (levels) => {
    let value: unknown = "innermost";
    for (let i = 0; i < levels; i++) value = [value];
    const { model, home, bridge } = await setup(calling(work()), {
      callTool: async () => ({ ...textResult("beside"), structuredContent: { value } }),
    });
    const { events } = await runTurn({ codex, home, bridge });
    expect(events.at(-1)).toMatchObject({ type: "turn.completed" });
    expect(JSON.stringify(model.requests.at(-1)?.body)).toContain(levels === 98 ? "innermost" : "beside");
  });
});

describe.each(testedCodexes())("a deep schema in codex $version", (codex) => {
  test.each([48, 61, 62, 80, 1e5])("of %i nested objects loses no tool", async (objects) => {
    let inputSchema: Record<string, unknown> = { type: "string", description: "innermost" };
    for (let i = 0; i < objects; i++) inputSchema = { type: "object", properties: { a: inputSchema } };
    const warnings: string[] = [];
    const { model, home, bridge } = await setup([say("done")], {
      tools: [{ name: "work" }, { name: "deep", inputSchema }],
      callTool: async () => textResult(""),
      onWarning: (message) => void warnings.push(message),
    });
    const turn = await runTurn({ codex, home, bridge });
    expect(turn.code, turn.stderr).toBe(0);
    const offered = model.requests[0]?.toolNames.filter((name) => name.startsWith(alice)).sort();
    expect(offered).toEqual([`${alice}.deep`, `${alice}.work`]);
    expect(warnings).toHaveLength(objects === 48 ? 0 : 1);
  });
});

test.each(testedCodexes())("codex $version loses no tool because of malformed parts", async (codex) => {
  const parts: Record<string, unknown>[] = [
    { properties: [] },
    { properties: { a: null, b: "string" } },
    { properties: { a: { type: "array", items: [{ type: "string" }, { type: "integer" }] } } },
    { required: "a", description: 7, additionalProperties: "x" },
    { properties: { a: { enum: {}, required: true, anyOf: {} } } },
  ];
  const tools = [
    { name: "work" },
    ...parts.map((part, n) => ({ name: `schema_${n}`, inputSchema: { type: "object", ...part } })),
    { name: "fields", title: 7, annotations: "x", outputSchema: 1, icons: "x", _meta: true },
  ];
  const { model, home, bridge } = await setup([say("done")], { tools, callTool: async () => textResult("") });
  const turn = await runTurn({ codex, home, bridge });
  expect(turn.code, turn.stderr).toBe(0);
  const offered = model.requests[0]?.toolNames.filter((name) => name.startsWith(alice));
  expect(offered?.sort()).toEqual(tools.map(({ name }) => `${alice}.${name}`).sort());
});
