import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { collect, connectHere, manifest, pluginWith, streamRequest } from "../test-support.ts";
import { type ConnectOptions, connectPlugin, type Host, type HostToolCall, type LogEntry } from "./index.ts";

const index = pathToFileURL(join(import.meta.dirname, "index.ts")).href;

/** A plugin in its own process. `body` is placed in the plugin object; `before` runs first. */
function child(body: string, before = ""): { command: string; args: string[] } {
  const source = `
    ${before}
    const { serve } = await import(${JSON.stringify(index)});
    await serve({ initialize: () => (${JSON.stringify(manifest)}), stream: async () => {}, callTool: async () => ({ content: [] }), ${body} });
  `;
  return { command: process.execPath, args: ["--input-type=module", "-e", source] };
}

const HANGING_STREAM = `
  async stream(_request, { emit, signal }) {
    emit({ type: "message_start" });
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    emit({ type: "text_delta", text: "cleaned up" });
  }`;

describe("a plugin in its own process", () => {
  test("reserves stdout for the protocol, whatever else prints", async () => {
    const stderr: string[] = [];
    const before = `
      const { stdout } = process;
      const print = (text) => { console.log(text); process.stdout.write(text + "\\n"); stdout.write(Buffer.from(text + "\\n")); };
    `;
    const options: ConnectOptions = {
      ...child(
        `async stream(_request, { emit }) {
          emit({ type: "message_start" });
          for (let i = 0; i < 20; i++) { print("noise " + i); await emit({ type: "text_delta", text: "" + i }); }
        },
        close() { print("bye"); }`,
        before,
      ),
      onStderr: (line) => stderr.push(line),
      onFault: (error) => stderr.push(`fault: ${error.message}`),
    };
    const plugin = await connectPlugin(options);
    expect(await collect(plugin.stream(streamRequest))).toHaveLength(22);
    await plugin.close();
    expect(await plugin.closed).toEqual({ exitCode: 0, signal: null });
    const expected = [...Array.from({ length: 20 }, (_, i) => `noise ${i}`), "bye"].flatMap((line) => [
      line,
      line,
      line,
    ]);
    expect(stderr).toEqual(expected);
  });

  test("passes large messages through the pipes in both directions", async () => {
    await using plugin = await connectPlugin(
      child("callTool: async ({ arguments: { text } }) => ({ content: [{ type: 'text', text }] })"),
    );
    const text = "é".repeat(5_000_000);
    const { content } = await plugin.callTool({ name: "shout", arguments: { text } });
    expect(content[0]?.text === text).toBe(true);
  });

  test.each(["end of input", "SIGTERM", "SIGINT"] as const)("ends its turns and itself on %s", async (how) => {
    const plugin = await connectPlugin(child(HANGING_STREAM));
    const seen = [];
    for await (const event of plugin.stream(streamRequest)) {
      seen.push(event);
      if (event.type !== "message_start") continue;
      if (how === "end of input") void plugin.close();
      else process.kill(plugin.pid ?? 0, how);
    }
    expect(seen).toMatchObject([
      { type: "message_start" },
      { type: "text_delta", text: "cleaned up" },
      { type: "message_end", stop_reason: "cancelled" },
    ]);
    expect(await plugin.closed).toEqual({ exitCode: 0, signal: null });
  });

  test("is killed if it does not end by itself", async () => {
    const deaf = child("stream: () => new Promise(() => setInterval(() => {}, 1000))", "setInterval(() => {}, 1000);");
    const plugin = await connectPlugin({ ...deaf, closeTimeoutMs: 50, termTimeoutMs: 50 });
    const stream = collect(plugin.stream(streamRequest));
    stream.catch(() => {});
    await plugin.listTools();
    await plugin.close();
    expect(await plugin.closed).toEqual({ exitCode: null, signal: "SIGKILL" });
    await expect(stream).rejects.toMatchObject({ code: "closed" });
  });

  test("may take as long as the longest timer if its limit is infinite", async () => {
    const times = { handshakeTimeoutMs: Infinity, closeTimeoutMs: Infinity, termTimeoutMs: 2 ** 31 };
    const slow = child("close: () => new Promise((resolve) => setTimeout(resolve, 50))");
    const plugin = await connectPlugin({ ...slow, ...times });
    await plugin.close();
    expect(await plugin.closed).toEqual({ exitCode: 0, signal: null });
  });

  test.each(["handshakeTimeoutMs", "closeTimeoutMs", "termTimeoutMs"])(
    "is not even started for a %s of none",
    async (name) => {
      await expect(connectPlugin({ command: "/no/such/plugin", [name]: -1 })).rejects.toThrow(RangeError);
    },
  );

  test("that crashes fails the requests that wait for it", async () => {
    const plugin = await connectPlugin(child("callTool: () => process.kill(process.pid, 'SIGKILL')"));
    await expect(plugin.callTool({ name: "shout" })).rejects.toMatchObject({ code: "closed" });
    expect(await plugin.closed).toEqual({ exitCode: null, signal: "SIGKILL" });
    await expect(plugin.listTools()).rejects.toMatchObject({ code: "closed" });
    await plugin.close();
  });
});

describe("connecting fails with the reason", () => {
  test.each<[string, ConnectOptions, object]>([
    [
      "no such executable",
      { command: "/no/such/plugin" },
      { code: "start_failed", message: expect.stringContaining("ENOENT") },
    ],
    [
      "it ends at once",
      { command: process.execPath, args: ["-e", "process.exit(3)"] },
      { code: "start_failed", message: expect.stringContaining("exited with code 3") },
    ],
    [
      "it never answers",
      { command: process.execPath, args: ["-e", "process.stdin.resume()"], handshakeTimeoutMs: 20 },
      { code: "start_failed", message: expect.stringContaining("in time") },
    ],
    [
      "it refuses",
      child("initialize() { throw new Error('config.json: binary: expected string') }"),
      { code: "rpc", message: "config.json: binary: expected string" },
    ],
    ["it speaks something else", { command: "echo", args: ["hello"] }, { code: "start_failed" }],
  ])("%s", async (_name, options, expected) => {
    await expect(connectPlugin(options)).rejects.toMatchObject(expected);
  });

  test("the signal is aborted", async () => {
    const signal = AbortSignal.abort(new Error("not now"));
    await expect(connectPlugin({ command: "cat", signal })).rejects.toThrow("not now");
  });
});

describe("the host serves its plugin", () => {
  const withHost = async (use: (host: Host) => Promise<unknown>, handlers: Parameters<typeof connectHere>[1]) => {
    let host: Host | undefined;
    const plugin = pluginWith({
      initialize(given) {
        host = given;
        given.log("info", "starting", { a: 1 });
        return manifest;
      },
    });
    const { connected } = await connectHere(plugin, handlers);
    try {
      return host && (await use(host));
    } finally {
      await connected.close();
    }
  };
  const call: HostToolCall = {
    agent_id: "a",
    stream_id: "s",
    call_id: "call_1",
    name: "read",
    arguments: { path: "x" },
  };

  test("writes its log", async () => {
    const entries: LogEntry[] = [];
    await withHost(async () => {}, { onLog: (entry) => entries.push(entry) });
    expect(entries).toEqual([{ level: "info", logger: undefined, message: "starting", fields: { a: 1 } }]);
  });

  test("calls tools, with progress; a tool's failure becomes a result", async () => {
    const progress: unknown[] = [];
    const calls: HostToolCall[] = [];
    const image = { content: [{ type: "image", data: "AAAA", mimeType: "image/png" }], extra: { kept: true } };
    const results = await withHost(
      async (host) => [
        await host.callTool(call, { onProgress: (report) => progress.push(report) }),
        await host.callTool({ ...call, name: "fail" }),
      ],
      {
        async callTool(call, context) {
          calls.push(call);
          if (call.name === "fail") throw new Error("no such file");
          context.progress({ progress: 1, total: 2 });
          return image;
        },
      },
    );
    expect(results).toEqual([image, { content: [{ type: "text", text: "no such file" }], isError: true }]);
    expect(calls[1]).toEqual({ ...call, name: "fail" });
    expect(progress).toEqual([{ progress: 1, total: 2 }]);
  });

  test("cancels a tool when its caller does", async () => {
    const aborted = Promise.withResolvers<void>();
    await withHost(
      async (host) => {
        const controller = new AbortController();
        const running = host.callTool(call, { signal: controller.signal });
        controller.abort(new Error("turn cancelled"));
        await expect(running).rejects.toThrow("turn cancelled");
        await aborted.promise;
      },
      {
        callTool: (_call, { signal }) =>
          new Promise(() => signal.addEventListener("abort", () => aborted.resolve(), { once: true })),
      },
    );
  });

  test("reads an agent's state; an unsupported request is an error; a malformed result is reported", async () => {
    const readAgentState = async (id: string) => ({ id });
    expect(await withHost((host) => host.readAgentState("a"), { readAgentState })).toEqual({ id: "a" });
    await expect(withHost((host) => host.readAgentState("a"), {})).rejects.toMatchObject({ rpcCode: -32601 });
    await expect(
      withHost((host) => host.callTool({ ...call, name: 1 as never }), { callTool: async () => ({ content: [] }) }),
    ).rejects.toMatchObject({ rpcCode: -32602 });
    await expect(
      withHost((host) => host.callTool(call), { callTool: async () => ({ content: 1 }) as never }),
    ).rejects.toMatchObject({ code: "protocol_violation", message: expect.stringContaining("result.content") });
  });
});

describe("streams", () => {
  test("leaving the loop cancels the turn and waits for its end", async () => {
    let ended = false;
    const { connected } = await connectHere(
      pluginWith({
        async stream(_request, { emit, signal }) {
          emit({ type: "message_start" });
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          ended = true;
        },
      }),
    );
    for await (const _event of connected.stream(streamRequest)) break;
    expect(ended).toBe(true);
    expect(await connected.listTools()).toHaveLength(1);
    await connected.close();
  });

  test("a reader that is too far behind loses the stream, and memory stays bounded", async () => {
    const isAborted = Promise.withResolvers<void>();
    const { connected } = await connectHere(
      pluginWith({
        async stream(_request, { emit, signal }) {
          emit({ type: "message_start" });
          while (!signal.aborted) {
            await emit({ type: "text_delta", text: "x".repeat(100) });
            await new Promise(setImmediate);
          }
          isAborted.resolve();
        },
      }),
      { maxBufferedBytes: 2000 },
    );
    const seen: unknown[] = [];
    const read = async () => {
      for await (const event of connected.stream(streamRequest)) {
        seen.push(event);
        if (seen.length === 1) await isAborted.promise;
      }
    };
    await expect(read()).rejects.toMatchObject({ code: "event_overflow" });
    expect(seen.length).toBeLessThan(20);
    expect(await connected.listTools()).toHaveLength(1);
    await connected.close();
  });

  /** A plugin that answers each request with the given lines, whatever the protocol says. */
  const scripted = async (...lines: object[]) => {
    const input = new PassThrough();
    const output = new PassThrough();
    const say = (message: object) => input.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    output.on("data", (data) => {
      for (const line of String(data).trim().split("\n")) {
        const { id, method } = JSON.parse(line);
        const experimental = { "plexum/plugin": { manifest } };
        const result = { protocolVersion: "2025-11-25", serverInfo: manifest, capabilities: { experimental } };
        if (method === "initialize") say({ id, result });
        if (method !== "plexum/provider/stream") continue;
        for (const params of lines) say({ method: "notifications/plexum/provider/event", params });
        say({ id, result: {} });
      }
    });
    output.on("end", () => input.end());
    return connectPlugin({ input, output });
  };
  const event = (seq: number, type: string) => ({
    stream_id: "s1",
    seq,
    event: {
      type,
      stop_reason: "end_turn",
      usage: { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, thinking_tokens: 0 },
    },
  });

  test.each<[string, string, object[]]>([
    ["a gap", "event 2 arrived instead of event 1", [event(0, "message_start"), event(2, "message_end")]],
    ["a repeated event", "event 0 arrived instead of event 1", [event(0, "message_start"), event(0, "message_start")]],
    ["no message_end", "without message_end", [event(0, "message_start")]],
    ["a malformed event", "params.event.text: expected string", [event(0, "message_start"), event(1, "text_delta")]],
  ])("%s is a protocol violation", async (_name, message, lines) => {
    await using plugin = await scripted(...lines);
    await expect(collect(plugin.stream(streamRequest))).rejects.toMatchObject({
      code: "protocol_violation",
      message: expect.stringContaining(message),
    });
  });

  test("an unknown event is passed on, and one of another stream is not", async () => {
    const foreign = { ...event(0, "message_start"), stream_id: "other" };
    await using plugin = await scripted(event(0, "message_start"), foreign, event(1, "mood"), event(2, "message_end"));
    const seen = await collect(plugin.stream(streamRequest));
    expect(seen.map(({ type }) => type)).toEqual(["message_start", "mood", "message_end"]);
  });
});
