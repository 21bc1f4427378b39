import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { since, testedCodexes } from "@plexum/codex-versions";
import { codexToolName, offeredToolName } from "@plexum/mcp-bridge";
import { connectPlugin, type HostToolCall, type StreamRequest, type Tool, type ToolContent } from "@plexum/plugin-sdk";
import { newestCodex } from "@plexum/real-codex";
import { answer, codeModeScript, functionCall, say } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { byEachTransport, eventually, Harness, PLUGIN, turn, user } from "./harness.ts";

const NAMESPACE = "mcp__plexum_host_alice";

const TOOLS: Tool[] = ["lookup", "fail", "wait"].map((name) => ({
  name,
  description: `The host's ${name}`,
  input_schema: { type: "object", properties: { key: { type: "string" } } },
}));

const withTools = (harness: Harness, prompt: string, agent_id = "alice"): StreamRequest =>
  harness.request(prompt, {
    agent: { agent_id, workspace: harness.workspace },
    request: { messages: [user(prompt)], tools: TOOLS },
  });

/** Creates a host with three tools: one answers, one fails, and one never answers. */
function host() {
  const calls: HostToolCall[] = [];
  const aborted: string[] = [];
  return {
    calls,
    aborted,
    async callTool(call: HostToolCall, { signal }: { signal: AbortSignal }) {
      calls.push(call);
      if (call.name === "fail") throw new Error("the shelf is empty");
      if (call.name === "wait") {
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        aborted.push(call.name);
      }
      return { content: [{ type: "text", text: `value of ${call.arguments.key}` }] };
    },
  };
}

const sendsCallIds = since("0.148.0");

describe.each(byEachTransport(testedCodexes()))("the host's tools in codex $version by $transport", (codex) => {
  const call = (name: string, key: string, callId: string) =>
    functionCall(name, { key }, { namespace: NAMESPACE, callId });

  test("are in the first request, are run by the host, and keep one call id throughout", async () => {
    await using harness = await Harness.create({
      codex,
      script: [answer([call("lookup", "a", "call_a"), call("fail", "b", "call_b")]), say("done")],
    });
    const tools = host();
    const { events, end } = await turn(await harness.plugin(tools), withTools(harness, "look it up"));
    expect(end.stop_reason).toBe("end_turn");
    const offered = harness.model.requests[0]?.toolNames.filter((name) => name.startsWith("mcp__")) ?? [];
    expect(offered.sort()).toEqual(["fail", "lookup", "wait"].map((name) => `${NAMESPACE}.${name}`));

    // The two run concurrently and may reach the host in either order.
    const calls = tools.calls.toSorted((a, b) => a.name.localeCompare(b.name));
    expect(calls.map(({ name, arguments: args, call_id }) => [name, args, call_id])).toEqual([
      ["fail", { key: "b" }, sendsCallIds(codex) ? "call_b" : undefined],
      ["lookup", { key: "a" }, sendsCallIds(codex) ? "call_a" : undefined],
    ]);
    const emitted = events.flatMap((event) => (event.type === "tool_call_start" ? [event.tool_call] : []));
    expect(emitted).toMatchObject([
      { id: "call_a", name: "lookup", namespace: NAMESPACE },
      { id: "call_b", name: "fail", namespace: NAMESPACE },
    ]);
    const results = events.flatMap((event) => (event.type === "tool_result" ? [event.tool_result] : []));
    expect(results.map(({ tool_call_id }) => tool_call_id).sort()).toEqual(["call_a", "call_b"]);
    // Text about the results follows them.
    expect(events.at(-2)).toMatchObject({ type: "text_delta", text: "done" });
    expect(JSON.stringify(harness.model.lastRequest.outputsOf("call_a"))).toContain("value of a");
    expect(JSON.stringify(harness.model.lastRequest.outputsOf("call_b"))).toContain("the shelf is empty");
  });

  test("leave codex's own config unchanged", async () => {
    await using harness = await Harness.create({
      codex,
      script: [say("hi"), answer([call("lookup", "a", "call_a")]), say("done")],
    });
    const tools = host();
    const plugin = await harness.plugin(tools);
    // 0.135.0 records trust in a folder on its first run there.
    await turn(plugin, harness.request("hi"));
    const config = () => readFile(join(harness.home.path, "config.toml"), "utf8");
    const before = await config();
    await turn(plugin, withTools(harness, "look it up"));
    expect(tools.calls).toHaveLength(1);
    expect(await config()).toBe(before);
  });

  test("a tool whose name MCP does not allow has the host's name in the call and in the events", async () => {
    const names = ["read file!", "read.file"];
    const [odd, dotted] = names.map((name) => codexToolName(offeredToolName(name)));
    await using harness = await Harness.create({
      codex,
      script: [answer([call(String(odd), "a", "call_a"), call(String(dotted), "b", "call_b")]), say("done")],
    });
    const tools = host();
    const request = harness.request("go", {
      agent: { agent_id: "alice", workspace: harness.workspace },
      request: { messages: [user("go")], tools: names.map((name) => ({ name, input_schema: { type: "object" } })) },
    });
    const { events } = await turn(await harness.plugin(tools), request);
    expect(tools.calls.map(({ name }) => name).sort()).toEqual(names);
    const emitted = events.flatMap((event) => (event.type === "tool_call_start" ? [event.tool_call] : []));
    expect(emitted).toEqual([
      { id: "call_a", name: "read file!", namespace: NAMESPACE },
      { id: "call_b", name: "read.file", namespace: NAMESPACE },
    ]);
  });

  test("answer five calls in parallel", async () => {
    const ids = [1, 2, 3, 4, 5].map((n) => `call_${n}`);
    await using harness = await Harness.create({
      codex,
      script: [answer(ids.map((id) => call("lookup", id, id))), say("done")],
    });
    const tools = host();
    const { events } = await turn(await harness.plugin(tools), withTools(harness, "go"));
    expect(tools.calls).toHaveLength(5);
    for (const type of ["tool_call_start", "tool_call_end", "tool_result"]) {
      expect(events.filter((event) => event.type === type)).toHaveLength(5);
    }
    for (const id of ids) expect(JSON.stringify(harness.model.lastRequest.outputsOf(id))).toContain(`value of ${id}`);
  });

  test("a result or a schema that MCP can't represent affects nothing else", async () => {
    await using harness = await Harness.create({
      codex,
      script: [answer([call("lookup", "image", "call_image"), call("lookup", "nothing", "call_nothing")]), say("done")],
    });
    const text = { type: "text", text: "beside" };
    const data = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const image = { type: "image", data_base64: data, media_type: "image/png" };
    const content: Record<string, ToolContent[]> = { image: [text, image, { type: "json", json: [7] }], nothing: [] };
    const callTool = async ({ arguments: { key } }: HostToolCall) => ({ content: content[String(key)] ?? [] });
    let deep: Record<string, unknown> = {};
    for (let i = 0; i < 1000; i++) deep = { type: "object", properties: { deep } };
    const request = withTools(harness, "go");
    const tools = [...(request.request.tools ?? []), { name: "deep", input_schema: deep }];
    const { events } = await turn(await harness.plugin({ callTool }), {
      ...request,
      request: { ...request.request, tools },
    });
    const results = events.flatMap((event) => (event.type === "tool_result" ? [event.tool_result] : []));
    expect(results.map(({ is_error }) => is_error)).toEqual([false, false]);
    const output = JSON.stringify(harness.model.lastRequest.outputsOf("call_image"));
    for (const part of ["beside", `data:image/png;base64,${data}`, "[7]"]) expect(output).toContain(part);
    const offered = harness.model.requests[0]?.toolNames.filter((name) => name.startsWith("mcp__")) ?? [];
    expect(offered.sort()).toEqual(["deep", "fail", "lookup", "wait"].map((name) => `${NAMESPACE}.${name}`));
    const warnings = harness.warnings().join("\n");
    expect(warnings).toContain('The tool "lookup" returned a block of type "json"');
    expect(warnings).toContain('The tool "deep" is offered with a schema that was cut');
  });

  test("canceling the turn cancels the call at the host, and the call is reported without output", async () => {
    await using harness = await Harness.create({ codex, script: [answer([call("wait", "x", "call_x")])] });
    const tools = host();
    const cancel = new AbortController();
    const ending = turn(await harness.plugin(tools), withTools(harness, "go"), { signal: cancel.signal });
    await eventually("the host is called", () => tools.calls.length > 0);
    cancel.abort();
    const { events, end } = await ending;
    expect(end.stop_reason).toBe("cancelled");
    await eventually("the host's call is cancelled", () => tools.aborted.length === 1);
    expect(events.filter((event) => event.type === "tool_result")).toMatchObject([
      { tool_result: { tool_call_id: "call_x" } },
    ]);
  });

  test("if the request has no tools, codex is started without an MCP server", async () => {
    await using harness = await Harness.create({ codex, script: [say("hi")] });
    await turn(await harness.plugin(), harness.request("hi"));
    expect(harness.model.lastRequest.toolNames.some((name) => name.startsWith("mcp__plexum"))).toBe(false);
  });

  test("are registered globally if the config says so", async () => {
    await using harness = await Harness.create({
      codex,
      config: { mcp_registration: "global" },
      script: [answer([call("lookup", "a", "call_a")]), say("done")],
    });
    const tools = host();
    await turn(await harness.plugin(tools), withTools(harness, "go"));
    expect(tools.calls).toHaveLength(1);
    const config = () => readFile(join(harness.home.path, "config.toml"), "utf8");
    expect(await config()).toContain("[mcp_servers.plexum-host-alice]");

    const unregister = () =>
      promisify(execFile)(process.execPath, [PLUGIN, "mcp-unregister", "--agent-id", "alice"], { env: harness.env });
    expect((await unregister()).stdout).toBe("removed\n");
    expect(await config()).not.toContain("plexum-host-alice");
    expect((await unregister()).stdout).toBe("there was none\n");
  });
});

test("tools are registered globally through npm's script, without a node on the PATH", async () => {
  await using harness = await Harness.create({
    codex: newestCodex,
    config: { binary: newestCodex.shim, mcp_registration: "global" },
    script: [answer([functionCall("lookup", { key: "a" }, { namespace: NAMESPACE, callId: "call_a" })]), say("done")],
  });
  const tools = host();
  const env = { ...harness.env, PATH: harness.folder };
  const plugin = await connectPlugin({ ...tools, command: process.execPath, args: [PLUGIN], env });
  try {
    expect((await turn(plugin, withTools(harness, "go"))).end.stop_reason).toBe("end_turn");
  } finally {
    await plugin.close();
  }
  expect(tools.calls).toHaveLength(1);
  const unregister = [PLUGIN, "mcp-unregister", "--agent-id", "alice"];
  expect((await promisify(execFile)(process.execPath, unregister, { env })).stdout).toBe("removed\n");
});

/** Runs the real codex, except that the first `codex mcp` runs `first` instead. */
async function codexThatOnce(first: string, harness: Harness): Promise<string> {
  const [path, isAsked] = [join(harness.folder, "codex"), join(harness.folder, "asked")];
  const script = `if [ "$1" = mcp ] && [ ! -e "${isAsked}" ]; then touch "${isAsked}"; ${first}; fi`;
  await writeFile(path, `#!/bin/sh\n${script}\nexec "${newestCodex.path}" "$@"\n`, { mode: 0o755 });
  return path;
}

test("a failed registration leaves only that turn without tools", async () => {
  await using harness = await Harness.create({
    codex: newestCodex,
    script: [
      say("without"),
      answer([functionCall("lookup", { key: "a" }, { namespace: "mcp__plexum_host_rita", callId: "call_a" })]),
      say("with"),
    ],
  });
  const binary = await codexThatOnce("echo 'no space left' >&2; exit 1", harness);
  await harness.configure({ binary, mcp_registration: "global" });
  const tools = host();
  const plugin = await harness.plugin(tools);
  expect((await turn(plugin, withTools(harness, "go", "rita"))).text).toBe("without");
  expect(harness.warnings().join()).toContain("no space left");
  expect((await turn(plugin, withTools(harness, "go on", "rita"))).text).toBe("with");
  expect(tools.calls).toHaveLength(1);
});

test("a turn that is canceled while its tools are registered ends at once", async () => {
  await using harness = await Harness.create({ codex: newestCodex, script: [say("here")] });
  const binary = await codexThatOnce("exec sleep 20", harness);
  await harness.configure({ binary, mcp_registration: "global" });
  const plugin = await harness.plugin(host());
  const cancel = new AbortController();
  const ending = turn(plugin, withTools(harness, "go", "carl"), { signal: cancel.signal });
  await eventually("codex is asked", () => existsSync(join(harness.folder, "asked")));
  const cancelledAt = performance.now();
  cancel.abort(new Error("changed my mind"));
  await expect(ending).rejects.toMatchObject({ rpcCode: -32000, message: "changed my mind", data: {} });
  expect(performance.now() - cancelledAt).toBeLessThan(5000);
  expect(harness.warnings()).toEqual([]);
  expect((await turn(plugin, withTools(harness, "go", "carl"))).text).toBe("here");
});

describe.each(byEachTransport(testedCodexes().filter(since("0.144.0"))))(
  "the host's tools in code mode of codex $version by $transport",
  (codex) => {
    const home = { model: "gpt-5.6-sol" };

    test("the model gets the tools directly in its first request", async () => {
      const callId = "call_direct";
      await using harness = await Harness.create({
        codex,
        home,
        script: [answer([functionCall("lookup", { key: "plain" }, { namespace: NAMESPACE, callId })]), say("done")],
      });
      const tools = host();
      const { events } = await turn(await harness.plugin(tools), withTools(harness, "go"));
      expect(harness.model.requests[0]?.toolNames).toEqual(
        expect.arrayContaining(["lookup", "fail", "wait"].map((name) => `${NAMESPACE}.${name}`)),
      );
      expect(tools.calls.map(({ name, call_id }) => [name, call_id])).toEqual([
        ["lookup", sendsCallIds(codex) ? callId : undefined],
      ]);
      expect(events.flatMap((event) => (event.type === "tool_call_start" ? [event.tool_call.id] : []))).toEqual([
        callId,
      ]);
      expect(JSON.stringify(harness.model.lastRequest.outputsOf(callId))).toContain("value of plain");
    });

    test("scripts call the tools if the config says so, and a call keeps the id that the host saw", async () => {
      const script = `const r = await tools.${NAMESPACE}__lookup({key: "deep"}); text(r.content[0].text);`;
      await using harness = await Harness.create({
        codex,
        home,
        config: { code_mode_tools: "nested" },
        script: [answer([codeModeScript(script, { callId: "call_outer" })]), say("done")],
      });
      const tools = host();
      const { events } = await turn(await harness.plugin(tools), withTools(harness, "go"));
      const emitted = events.flatMap((event) => (event.type === "tool_call_start" ? [event.tool_call.id] : []));
      const nested = emitted.find((id) => id !== "call_outer");
      expect(nested).toMatch(/^exec-/);
      expect(emitted.sort()).toEqual(["call_outer", nested].sort());
      expect(tools.calls.map(({ call_id }) => call_id)).toEqual([sendsCallIds(codex) ? nested : undefined]);
      expect(JSON.stringify(harness.model.lastRequest.outputsOf("call_outer"))).toContain("value of deep");
    });
  },
);
