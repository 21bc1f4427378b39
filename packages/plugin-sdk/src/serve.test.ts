import { setTimeout as delay } from "node:timers/promises";
import { splitLines } from "@plexum/jsonl";
import { describe, expect, test } from "vitest";
import { collect, connectHere, manifest, pluginWith, serveHere, streamRequest } from "../test-support.ts";
import { type Host, type LogEntry, type Plugin, type ProviderEvent, RpcError, serve } from "./index.ts";

/** A plugin that gets raw lines, as from any other host. */
function speakTo(plugin: Plugin) {
  const { toPlugin, fromPlugin, served } = serveHere(plugin);
  const lines = splitLines(fromPlugin);
  return {
    say: (message: object) => toPlugin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`),
    hear: async () => {
      const { value } = await lines.next();
      return value?.kind === "line" ? JSON.parse(Buffer.from(value.bytes).toString()) : undefined;
    },
    async end() {
      toPlugin.end();
      await served;
    },
  };
}

const initialize = { id: 0, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {} } };

const types = (events: ProviderEvent[]) => events.map(({ type }) => type);
const START: ProviderEvent = { type: "message_start" };
const usage = { input_tokens: 1, output_tokens: 2, cache_read_tokens: 3, thinking_tokens: 4 };
const end = (stop_reason: "end_turn" | "cancelled" | "error"): ProviderEvent => ({
  type: "message_end",
  stop_reason,
  usage: { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, thinking_tokens: 0 },
});

describe("handshake", () => {
  test("is MCP's, with the manifest as a capability", async () => {
    const { say, hear, end } = speakTo(pluginWith());
    say({ id: "p", method: "ping" });
    expect(await hear()).toEqual({ jsonrpc: "2.0", id: "p", result: {} });
    say({ id: 9, method: "tools/list" });
    expect(await hear()).toMatchObject({
      id: 9,
      error: { code: -32600, message: expect.stringContaining("initialize first") },
    });
    say(initialize);
    expect(await hear()).toEqual({
      jsonrpc: "2.0",
      id: 0,
      result: {
        protocolVersion: "2025-06-18",
        serverInfo: { name: "echo", version: "1.2.3" },
        capabilities: { logging: {}, tools: {}, experimental: { "plexum/plugin": { manifest } } },
      },
    });
    say({ method: "notifications/initialized" });
    say({ ...initialize, id: 1 });
    expect(await hear()).toMatchObject({ id: 1, error: { code: -32600 } });
    say({ id: 2, method: "plexum/unheard-of" });
    expect(await hear()).toMatchObject({ id: 2, error: { code: -32601 } });
    say({ id: 3, method: "plexum/provider/stream", params: { stream_id: "s" } });
    expect(await hear()).toMatchObject({
      id: 3,
      error: { code: -32602, message: expect.stringContaining("params.model_id: expected string") },
    });
    await end();
  });

  test("answers an unknown version with its preferred one, and offers no tools without a contract", async () => {
    const { tools: _, ...contracts } = manifest.contracts;
    const { say, hear, end } = speakTo(pluginWith({ initialize: () => ({ ...manifest, contracts }) }));
    say({ ...initialize, params: { protocolVersion: "1999-01-01" } });
    const { result } = await hear();
    expect(result).toMatchObject({ protocolVersion: "2025-11-25" });
    expect(result.capabilities).not.toHaveProperty("tools");
    say({ id: 1, method: "tools/list" });
    expect(await hear()).toMatchObject({ error: { code: -32601 } });
    await end();
  });

  test("fails with what initialize throws, and can be tried again", async () => {
    let attempts = 0;
    const plugin = pluginWith({
      async initialize() {
        if (attempts++ === 0)
          throw Object.assign(new Error("config.json: model_args: expected object"), { code: "bad_config" });
        return manifest;
      },
    });
    const { say, hear, end } = speakTo(plugin);
    say(initialize);
    expect(await hear()).toMatchObject({
      error: { code: -32603, message: "config.json: model_args: expected object", data: { code: "bad_config" } },
    });
    say(initialize);
    expect(await hear()).toMatchObject({ result: { serverInfo: { name: "echo" } } });
    await end();
  });

  test.each<[string, Partial<Plugin>]>([
    ["manifest.name: expected string", { initialize: () => ({ ...manifest, name: 1 as unknown as string }) }],
    ["no stream()", { stream: undefined as never }],
    ["no callTool()", { callTool: undefined as never }],
  ])("rejects a plugin that does not have what its manifest offers: %s", async (message, parts) => {
    await expect(connectHere(pluginWith(parts))).rejects.toThrow(message);
  });
});

describe("stream", () => {
  const run = async (stream: NonNullable<Plugin["stream"]>) => {
    const { connected } = await connectHere(pluginWith({ stream }));
    try {
      return await collect(connected.stream(streamRequest));
    } finally {
      await connected.close();
    }
  };

  test("sends what the plugin emits, in order", async () => {
    const events: ProviderEvent[] = [
      START,
      ...Array.from({ length: 500 }, (_, i): ProviderEvent => ({ type: "text_delta", text: `${i}` })),
      { type: "message_end", stop_reason: "end_turn", usage },
    ];
    const seen = await run(async (request, { emit }) => {
      expect(request).toEqual(streamRequest);
      for (const event of events) await emit(event);
    });
    expect(seen).toEqual(events);
  });

  test("adds message_end, and message_start to a stream without events", async () => {
    expect(await run(async (_request, { emit }) => void emit(START))).toEqual([START, end("end_turn")]);
    expect(await run(async () => {})).toEqual([START, end("end_turn")]);
  });

  test("a failure before the first event fails the request", async () => {
    const failing = (error: unknown) => run(() => Promise.reject(error));
    await expect(failing(Object.assign(new Error("the workspace is busy"), { code: "busy" }))).rejects.toMatchObject({
      rpcCode: -32000,
      message: "the workspace is busy",
      data: { code: "busy" },
    });
    await expect(failing(new RpcError(-32042, "mine"))).rejects.toMatchObject({ rpcCode: -32042, message: "mine" });
    await expect(failing("a string")).rejects.toMatchObject({ message: "a string" });
  });

  test("a failure after it is an error event and message_end, and the request succeeds", async () => {
    const seen = await run(async (_request, { emit }) => {
      emit(START);
      throw Object.assign(new Error("codex crashed"), { code: "crashed" });
    });
    expect(seen).toEqual([
      START,
      { type: "error", error: { code: "crashed", message: "codex crashed" } },
      end("error"),
    ]);
  });

  test.each([
    ["an error", new Error("no more room")],
    ["the error in its host's answer", new RpcError(-32601, "this host has no method")],
  ])("%s after message_end goes to the log, and the request succeeds", async (_what, error) => {
    const log: LogEntry[] = [];
    const plugin = pluginWith({
      async stream(_request, { emit }) {
        for (const event of [START, end("end_turn")]) emit(event);
        throw error;
      },
    });
    const { connected } = await connectHere(plugin, { onLog: (entry) => log.push(entry) });
    expect(await collect(connected.stream(streamRequest))).toEqual([START, end("end_turn")]);
    await connected.close();
    expect(log).toMatchObject([{ level: "error", message: expect.stringContaining(error.message) }]);
  });

  test.each<[string, ProviderEvent[], string[]]>([
    ["after message_end", [START, end("end_turn"), { type: "text_delta", text: "" }], ["message_start", "message_end"]],
    ["a second time", [START, START], ["message_start", "error", "message_end"]],
  ])("refuses an event %s", async (when, events, expected) => {
    let refusal: unknown;
    const seen = await run(async (_request, { emit }) => {
      try {
        for (const event of events) emit(event);
      } catch (error) {
        refusal = error;
        throw error;
      }
    });
    expect(refusal).toMatchObject({ code: "stream_contract", message: expect.stringContaining(when) });
    expect(types(seen)).toEqual(expected);
  });

  test("refuses an event before message_start, and one after the handler has ended", async () => {
    await expect(run(async (_request, { emit }) => void emit({ type: "text_delta", text: "" }))).rejects.toMatchObject({
      data: { code: "stream_contract" },
    });
    const late = Promise.withResolvers<unknown>();
    await run(async (_request, { emit }) => {
      setImmediate(() => {
        try {
          emit(START);
        } catch (error) {
          late.resolve(error);
        }
      });
    });
    expect(await late.promise).toMatchObject({ code: "stream_contract" });
  });

  test("leaves no gap if an event can't be written as JSON", async () => {
    const seen = await run(async (_request, { emit }) => {
      emit(START);
      const content = { n: 1n };
      emit({ type: "tool_result", tool_result: { tool_call_id: "c", content, is_error: false } });
    });
    expect(types(seen)).toEqual(["message_start", "error", "message_end"]);
  });

  test("aborts the handler's signal on cancellation, and still sends the remaining events", async () => {
    const { connected } = await connectHere(
      pluginWith({
        async stream(_request, { emit, signal }) {
          emit(START);
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          emit({ type: "text_delta", text: "last words" });
          signal.throwIfAborted();
        },
      }),
    );
    const controller = new AbortController();
    const seen = [];
    for await (const event of connected.stream(streamRequest, { signal: controller.signal })) {
      seen.push(event);
      controller.abort();
    }
    expect(seen).toEqual([START, { type: "text_delta", text: "last words" }, end("cancelled")]);
    await connected.close();
  });

  test("refuses a stream_id that is in use", async () => {
    const { say, hear } = speakTo(pluginWith({ stream: () => new Promise(() => {}) }));
    say(initialize);
    await hear();
    say({ id: 1, method: "plexum/provider/stream", params: streamRequest });
    say({ id: 2, method: "plexum/provider/stream", params: streamRequest });
    expect(await hear()).toMatchObject({ id: 2, error: { code: -32602 } });
  });
});

describe("tools and mutations", () => {
  test("list and call", async () => {
    const { connected } = await connectHere(
      pluginWith({
        async callTool({ agent_id, arguments: args }, { progress }) {
          if (args.fail) throw new Error("too loud");
          progress({ progress: 1 });
          return { content: [{ type: "text", text: `${agent_id}` }], structuredContent: args };
        },
      }),
    );
    expect(await connected.listTools()).toEqual(manifest.contracts.tools);
    const progress: unknown[] = [];
    const call = { name: "shout", arguments: { a: 1 }, agent_id: "x" };
    expect(await connected.callTool(call, { onProgress: (report) => progress.push(report) })).toEqual({
      content: [{ type: "text", text: "x" }],
      structuredContent: { a: 1 },
    });
    expect(progress).toEqual([{ progress: 1 }]);
    expect(await connected.callTool({ name: "shout" })).toMatchObject({ content: [{ text: "undefined" }] });
    expect(await connected.callTool({ name: "shout", arguments: { fail: true } })).toEqual({
      content: [{ type: "text", text: "too loud" }],
      isError: true,
    });
    await expect(connected.callTool({ name: "whisper" })).rejects.toMatchObject({ rpcCode: -32602 });
    const mutations = { agent_id: "x", workspace: "/", mutations: [] };
    await expect(connected.mutate(mutations)).rejects.toMatchObject({ rpcCode: -32601 });
    await connected.close();
  });

  test("mutate", async () => {
    const report = { requested: 1, touched: 0, missing: ["call_1"], skipped: [] };
    const request = { agent_id: "x", workspace: "/", mutations: [{ block_id: "call_1", op: "trim" }] };
    let received: unknown;
    const { connected } = await connectHere(
      pluginWith({
        async mutate(request) {
          received = request;
          return report;
        },
      }),
    );
    expect(await connected.mutate(request)).toEqual(report);
    expect(received).toEqual(request);
    await connected.close();
  });
});

test("the log reaches the host, filtered by the level that the host sets", async () => {
  let host: Host | undefined;
  const { say, hear, end } = speakTo(
    pluginWith({
      initialize(given) {
        host = given;
        return manifest;
      },
    }),
  );
  say(initialize);
  await hear();
  host?.log("debug", "spawned", { pid: 1 });
  expect(await hear()).toEqual({
    jsonrpc: "2.0",
    method: "notifications/message",
    params: { level: "debug", logger: "echo", data: { pid: 1, message: "spawned" } },
  });
  host?.log("error", "odd", { n: 1n });
  expect(await hear()).toMatchObject({
    params: { data: { message: "odd", fields_lost: expect.stringContaining("BigInt") } },
  });
  say({ id: 1, method: "logging/setLevel", params: { level: "warning" } });
  await hear();
  host?.log("info", "dropped");
  host?.log("warning", "kept");
  expect(await hear()).toMatchObject({ params: { level: "warning" } });
  await end();
});

describe("shutdown", () => {
  test("cancels what is running, waits for it, closes the plugin, and ends the output", async () => {
    const order: string[] = [];
    const plugin = pluginWith({
      async stream(_request, { emit, signal }) {
        emit(START);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await new Promise(setImmediate);
        order.push("stream");
      },
      close: () => void order.push("close"),
    });
    const { connected, served } = await connectHere(plugin);
    const seen = [];
    for await (const event of connected.stream(streamRequest)) {
      seen.push(event);
      if (event.type === "message_start") void connected.close();
    }
    expect(seen).toEqual([START, end("cancelled")]);
    await served;
    expect(order).toEqual(["stream", "close"]);
  });

  test("refuses new requests while it shuts down", async () => {
    const stop = new AbortController();
    const refused = Promise.withResolvers<unknown>();
    const plugin = pluginWith({
      async stream(_request, { signal }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await refused.promise;
      },
    });
    const { connected, served } = await connectHere(plugin, {}, { signal: stop.signal });
    const stream = collect(connected.stream(streamRequest));
    await connected.listTools();
    stop.abort();
    await new Promise(setImmediate);
    await connected.listTools().catch(refused.resolve);
    expect(await refused.promise).toMatchObject({ message: "the plugin is shutting down" });
    expect(await stream).toEqual([START, end("cancelled")]);
    await served;
  });

  test("waits for a handler as long as the longest timer if the limit is infinite", async () => {
    const plugin = pluginWith({
      async stream(_request, { signal }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await delay(50);
      },
    });
    const { connected, served } = await connectHere(plugin, {}, { shutdownTimeoutMs: Infinity });
    const stream = collect(connected.stream(streamRequest));
    await connected.listTools();
    void connected.close();
    expect(await stream).toEqual([START, end("cancelled")]);
    await served;
    await expect(serve(plugin, { shutdownTimeoutMs: Number.NaN })).rejects.toThrow(RangeError);
  });

  test("gives up on a handler that does not end", async () => {
    const plugin = pluginWith({ stream: () => new Promise(() => {}) });
    const { connected, served } = await connectHere(plugin, {}, { shutdownTimeoutMs: 10 });
    const stream = collect(connected.stream(streamRequest));
    stream.catch(() => {});
    await connected.listTools();
    void connected.close();
    await expect(served).rejects.toMatchObject({ code: "shutdown_timeout" });
    await expect(stream).rejects.toMatchObject({ code: "closed" });
  });
});
