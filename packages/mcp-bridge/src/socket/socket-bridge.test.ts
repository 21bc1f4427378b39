import { once } from "node:events";
import { readdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { connectByRelay } from "../../test/relay-client.ts";
import type { CallTool, ToolCall, ToolResult } from "../server/tool-call.ts";
import { greetingLine } from "./handshake.ts";
import { type BridgeOptions, startBridge } from "./socket-bridge.ts";

const anything = z.looseObject({});
const textResult = (text: string): ToolResult => ({ content: [{ type: "text", text }] });

function circle(): ToolResult {
  const structuredContent: Record<string, unknown> = {};
  structuredContent.itself = structuredContent;
  return { content: [], structuredContent };
}

/** A bridge in a folder of its own, with the tool `work`. */
async function bridge(callTool: CallTool, options: Partial<BridgeOptions> = {}) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const started = stack.use(
    await startBridge({
      agentId: "alice",
      socketPath: join(folder.path, "a.sock"),
      tools: [{ name: "work" }],
      callTool,
      ...options,
    }),
  );
  const open = stack.move();
  return { ...started, folder: folder.path, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

/** A call that its host never answers, and how it ends. */
function unansweredCall() {
  const { promise: started, resolve: onStart } = Promise.withResolvers<ToolCall>();
  const callTool: CallTool = (call) => {
    onStart(call);
    return new Promise(() => {});
  };
  const aborted = started.then(async ({ signal }) => {
    if (!signal.aborted) await once(signal, "abort");
    return signal.reason;
  });
  return { callTool, started, aborted };
}

describe("a call", () => {
  test("reaches the host with everything the client sent", async () => {
    let seen: ToolCall | undefined;
    await using host = await bridge(
      async (call) => {
        seen = call;
        return textResult("done");
      },
      { identifyCall: (meta) => ({ callId: String(meta.id), itemId: "item-1" }) },
    );
    await using relay = await connectByRelay(host);
    // Not what any schema asked for, and still the host's to judge.
    const params = { name: "work", arguments: { n: 1, deep: [{ "": null }] }, _meta: { id: "call-1", other: true } };
    expect(await relay.client.callTool(params)).toEqual(textResult("done"));
    expect(seen).toMatchObject({
      name: "work",
      arguments: { n: 1, deep: [{ "": null }] },
      callId: "call-1",
      itemId: "item-1",
      meta: { id: "call-1", other: true },
    });
  });

  test("gets its result unchanged, whatever the kind of content", async () => {
    const result = {
      content: [
        {
          type: "text",
          text: "\u2028 \ud83e\udd8a \0",
          annotations: { audience: ["user"], priority: 0.5 },
          _meta: { a: 1 },
        },
        { type: "image", data: "aGk=", mimeType: "image/png" },
        { type: "audio", data: "aGk=", mimeType: "audio/wav" },
        { type: "resource", resource: { uri: "file:///a", mimeType: "text/plain", text: "a" } },
        { type: "resource_link", uri: "file:///a", name: "a", size: 3 },
        { type: "text", text: "", later: { frames: [1, 2.5e300] } },
      ],
      structuredContent: { rows: [{ n: 1 }] },
      isError: false,
      _meta: { "host/x": null },
      later: "field",
    };
    await using host = await bridge(async () => result);
    await using relay = await connectByRelay(host);
    const got = await relay.client.request({ method: "tools/call", params: { name: "work" } }, anything);
    expect(got).toEqual(result);
  });

  test("may return 20 MB if its client accepts that much", async () => {
    const text = "0123456789abcdé\n".repeat(20 * 1024 * 64);
    await using host = await bridge(async () => textResult(text), { maxResultBytes: 64 * 1024 * 1024 });
    await using relay = await connectByRelay(host);
    const result = await relay.client.callTool({ name: "work" });
    expect((result as ToolResult).content[0]?.text === text).toBe(true);
  });

  test("of a renamed tool reaches the host under the host's name", async () => {
    const names: string[] = [];
    const callTool: CallTool = async ({ name }) => {
      names.push(name);
      return textResult("");
    };
    await using host = await bridge(callTool, { tools: [{ name: "töol with spaces" }] });
    await using relay = await connectByRelay(host);
    const [offered] = (await relay.client.listTools()).tools;
    await relay.client.callTool({ name: String(offered?.name) });
    expect(names).toEqual(["töol with spaces"]);
  });

  test("of a tool that isn't offered, or without a name, is refused as MCP specifies", async () => {
    await using host = await bridge(async () => textResult(""));
    await using relay = await connectByRelay(host);
    await expect(relay.client.callTool({ name: "play" })).rejects.toMatchObject({ code: -32602 });
    const nameless = relay.client.request({ method: "tools/call", params: {} }, anything);
    await expect(nameless).rejects.toMatchObject({ code: -32602 });
    await expect(relay.client.listResources()).rejects.toThrow();
  });

  test.each<[string, CallTool, string]>([
    ["throws", () => Promise.reject(new Error("no such file: /a")), "no such file: /a"],
    [
      "throws before it waits",
      () => {
        throw new TypeError("not a number");
      },
      "not a number",
    ],
    ["answers nonsense", async () => "hi" as never, "The host's answer to work is not a tool result"],
    ["answers with a BigInt", async () => ({ content: [], structuredContent: { n: 1n } }), "can't be written as JSON"],
    ["answers in a circle", async () => circle(), "can't be written as JSON"],
  ])("whose host %s fails with a text for the model", async (_, callTool, text) => {
    await using host = await bridge(callTool);
    await using relay = await connectByRelay(host);
    expect(await relay.client.callTool({ name: "work" })).toEqual({
      content: [{ type: "text", text: expect.stringContaining(text) }],
      isError: true,
    });
  });
});

describe("a long call", () => {
  test("reports its progress to the client that asked", async () => {
    const reports = [{ progress: 1, total: 2, message: "half" }, { progress: 2 }];
    const received: unknown[] = [];
    await using host = await bridge(async ({ reportProgress, meta }) => {
      for (const [n, report] of reports.entries()) {
        reportProgress(report);
        // The SDK's client drops a report that it reads together with the result.
        if ("progressToken" in meta) await expect.poll(() => received.length).toBe(n + 1);
      }
      return textResult("done");
    });
    await using relay = await connectByRelay(host);
    await relay.client.callTool({ name: "work" }, undefined, { onprogress: (report) => received.push(report) });
    expect(received).toEqual(reports);
    // A report that nobody asked for would arrive here.
    let unasked = 0;
    relay.client.removeNotificationHandler("notifications/progress");
    relay.client.fallbackNotificationHandler = async () => void unasked++;
    await relay.client.callTool({ name: "work" });
    expect(unasked).toBe(0);
  });

  test("is stopped when its host is silent for too long", async () => {
    const { callTool, aborted } = unansweredCall();
    await using host = await bridge(callTool, { callTimeoutMs: 50 });
    await using relay = await connectByRelay(host);
    const text = "The tool work did not answer within 0.05 s and was stopped";
    expect(await relay.client.callTool({ name: "work" })).toEqual({ ...textResult(text), isError: true });
    expect(await aborted).toEqual(new Error(text));
  });

  test("continues while it reports progress, up to the overall limit", async () => {
    let reports = 0;
    const callTool: CallTool = async ({ reportProgress, signal }) => {
      for (; !signal.aborted; reports++) {
        await delay(50);
        reportProgress({ progress: reports });
      }
      return textResult("too late");
    };
    await using host = await bridge(callTool, { callTimeoutMs: 1000, maxCallMs: 2500 });
    await using relay = await connectByRelay(host);
    const text = "The tool work was still running after 2.5 s and was stopped";
    expect(await relay.client.callTool({ name: "work" })).toEqual({ ...textResult(text), isError: true });
    expect(reports).toBeGreaterThan(1);
  });

  test.each([Infinity, 30 * 24 * 60 * 60_000])(
    "may take as long as a timer can count if its limit is %d ms",
    async (ms) => {
      const callTool: CallTool = () => delay(50, textResult("done"));
      await using host = await bridge(callTool, { callTimeoutMs: ms, maxCallMs: ms });
      await using relay = await connectByRelay(host);
      expect(await relay.client.callTool({ name: "work" })).toEqual(textResult("done"));
    },
  );

  test.each([0, -1, Number.NaN])("can't have %d ms, nor so many calls at once", async (number) => {
    const names = ["callTimeoutMs", "maxCallMs", "greetingTimeoutMs", "maxConcurrentCalls"];
    for (const limits of names.map((name) => ({ [name]: number }))) {
      await expect(bridge(async () => textResult(""), limits)).rejects.toMatchObject({ code: "invalid_value" });
    }
  });

  test("is cancelled by its client", async () => {
    const { callTool, started, aborted } = unansweredCall();
    await using host = await bridge(callTool);
    await using relay = await connectByRelay(host);
    const cancel = new AbortController();
    const call = relay.client.callTool({ name: "work" }, undefined, { signal: cancel.signal });
    await started;
    cancel.abort("changed my mind");
    await expect(call).rejects.toThrow();
    expect(await aborted).toBe("changed my mind");
  });

  test("is cancelled when its client is killed", async () => {
    const { callTool, started, aborted } = unansweredCall();
    await using host = await bridge(callTool);
    await using relay = await connectByRelay(host);
    relay.client.callTool({ name: "work" }).catch(() => {});
    await started;
    process.kill(relay.pid, "SIGKILL");
    await aborted;
  });

  test("is cancelled when the bridge closes, and its client sees the end", async () => {
    const { callTool, started, aborted } = unansweredCall();
    await using host = await bridge(callTool);
    await using relay = await connectByRelay(host);
    const call = relay.client.callTool({ name: "work" });
    await started;
    await Promise.all([expect(call).rejects.toThrow("Connection closed"), host.close()]);
    await aborted;
    await host.close();
  });
});

describe("many", () => {
  test("calls run at once up to the limit, without mixing up the clients", async () => {
    let running = 0;
    let most = 0;
    const callTool: CallTool = async ({ arguments: { n } }) => {
      most = Math.max(most, ++running);
      await delay(20);
      running--;
      return textResult(String(n));
    };
    await using host = await bridge(callTool, { maxConcurrentCalls: 3 });
    await using one = await connectByRelay(host);
    await using two = await connectByRelay(host);
    const calls = Array.from({ length: 20 }, (_, n) =>
      (n % 2 ? one : two).client.callTool({ name: "work", arguments: { n } }),
    );
    expect(await Promise.all(calls)).toEqual(calls.map((_, n) => textResult(String(n))));
    expect(most).toBe(3);
  });

  test("tools are listed, a thousand of them, and others once they change", async () => {
    const tools = (count: number) => Array.from({ length: count }, (_, n) => ({ name: `tool_${n}`, description: "x" }));
    await using host = await bridge(async () => textResult(""), { tools: tools(1000) });
    await using relay = await connectByRelay(host);
    const list = async () => (await relay.client.listTools()).tools.map(({ name }) => name);
    expect(await list()).toEqual(tools(1000).map(({ name }) => name));

    let changes = 0;
    const { promise: changed, resolve } = Promise.withResolvers<void>();
    relay.client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      changes++;
      resolve();
    });
    host.setTools(tools(1000));
    expect(() => host.setTools([...tools(1), ...tools(1)])).toThrow(expect.objectContaining({ code: "invalid_tools" }));
    host.setTools(tools(2));
    await changed;
    expect(await list()).toEqual(["tool_0", "tool_1"]);
    expect(changes).toBe(1);
  });

  test("clients, one after the other, leave nothing behind", async () => {
    await using host = await bridge(async () => textResult("done"));
    const visit = async () => {
      const socket = connect(host.socketPath);
      const request = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "work" } };
      socket.write(`${greetingLine(host.agentId, host.token)}${JSON.stringify(request)}\n`);
      let said = "";
      for await (const chunk of socket) {
        said += chunk;
        if (said.includes("done")) break;
      }
      socket.destroy();
    };
    await visit();
    const before = openHandles();
    for (let turn = 0; turn < 200; turn++) await visit();
    // The end of the last connection may still be in flight.
    await expect.poll(openHandles).toEqual(before);
    expect(await readdir(host.folder)).toEqual(["a.sock"]);
    await host.close();
    expect(await readdir(host.folder)).toEqual([]);
  });
});

function openHandles() {
  const resources = process.getActiveResourcesInfo().filter((name) => name.startsWith("Pipe"));
  // Linux shows each open file as well.
  const files = process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0;
  return { pipes: resources.length, files };
}

describe("a client is turned away", () => {
  /** Says something to the socket, and returns what the bridge says before it hangs up. */
  async function say(path: string, words: string): Promise<unknown> {
    const socket = connect(path);
    socket.on("error", () => {});
    socket.write(words);
    let said = "";
    socket.on("data", (chunk) => {
      said += chunk;
    });
    await once(socket, "close");
    return JSON.parse(said);
  }

  test.each([
    ["with another agent's id", greetingLine("bob", "right"), "this bridge serves another agent"],
    ["with a wrong token", greetingLine("alice", "wrong"), "the token is not this bridge's"],
    ["without a token", greetingLine("alice", ""), "the relay has no token"],
    ["from another version", greetingLine("alice", "right").replace(":1,", ":2,"), "version 2 of the handshake"],
    ["that speaks at once", '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n', "not a relay's greeting"],
    ["that never ends its greeting", "x".repeat(100_000), "no greeting came"],
  ])("%s", async (_, words, reason) => {
    const warnings: string[] = [];
    await using host = await bridge(async () => textResult(""), {
      token: "right",
      onWarning: (message) => warnings.push(message),
    });
    expect(await say(host.socketPath, words)).toEqual({
      plexum_mcp_bridge: 1,
      accepted: false,
      reason: expect.stringContaining(reason),
    });
    expect(warnings).toEqual([expect.stringContaining(reason)]);
  });

  test("that says nothing for too long, or that is one too many", async () => {
    await using host = await bridge(async () => textResult(""), { greetingTimeoutMs: 300, maxClients: 1 });
    const silent = say(host.socketPath, "");
    expect(await say(host.socketPath, greetingLine("alice", host.token))).toMatchObject({
      reason: "all 1 connections are taken",
    });
    expect(await silent).toMatchObject({ reason: "no greeting came" });
  });

  test("but not when its time limit is long", async () => {
    await using host = await bridge(async () => textResult(""), { greetingTimeoutMs: Infinity });
    const socket = connect(host.socketPath);
    await delay(50);
    socket.write(greetingLine("alice", host.token));
    const [answer] = await once(socket, "data");
    socket.destroy();
    expect(JSON.parse(answer)).toMatchObject({ accepted: true });
  });

  test("but not when it greeted in time, and the bridge's process was busy until later", async () => {
    await using host = await bridge(async () => textResult(""), { greetingTimeoutMs: 200 });
    const socket = connect(host.socketPath);
    await once(socket, "connect");
    // Until the bridge has the connection, and waits.
    await delay(50);
    // After the pending data is read: timers are next.
    await new Promise(setImmediate);
    socket.write(greetingLine("alice", host.token));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    const [answer] = await once(socket, "data");
    socket.destroy();
    expect(JSON.parse(answer)).toMatchObject({ accepted: true });
  });

  test("without a warning when it only checks whether a bridge is listening", async () => {
    const warnings: string[] = [];
    await using host = await bridge(async () => textResult(""), { onWarning: (message) => warnings.push(message) });
    await expect(bridge(async () => textResult(""), { socketPath: host.socketPath })).rejects.toMatchObject({
      code: "socket_in_use",
    });
    await using relay = await connectByRelay(host);
    await relay.client.listTools();
    expect(warnings).toEqual([]);
  });

  test("but not for one line that can't be read", async () => {
    const warnings: string[] = [];
    await using host = await bridge(async () => textResult(""), {
      maxMessageBytes: 1000,
      onWarning: (message) => warnings.push(message),
    });
    const socket = connect(host.socketPath);
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n';
    socket.write(`${greetingLine("alice", host.token)}nonsense\n\n${"x".repeat(2000)}\n[]\n${ping}`);
    let said = "";
    for await (const chunk of socket) {
      said += chunk;
      if (said.includes('"id":1')) break;
    }
    expect(said.match(/-32700/g)).toHaveLength(2);
    expect(warnings).toEqual([
      'A client of agent "alice": a line is not JSON',
      'A client of agent "alice": a message of 2000 bytes is over the limit of 1000',
    ]);
  });
});

test("an id that is not whole Unicode is the same on both sides", async () => {
  await using host = await bridge(async () => textResult("done"), { agentId: "a\ud800" });
  await using relay = await connectByRelay({ ...host, agentId: "a\ud800" });
  expect((await relay.client.listTools()).tools).toHaveLength(1);
});
