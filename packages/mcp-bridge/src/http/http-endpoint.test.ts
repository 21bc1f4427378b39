import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect as connectSocket } from "node:net";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { expect, onTestFinished, test } from "vitest";
import type { CallTool } from "../server/tool-call.ts";
import type { HttpBridgeOptions } from "./http-bridge.ts";
import { type HttpBridge, startHttpEndpoint } from "./http-endpoint.ts";

const echo: CallTool = async (call) => ({ content: [{ type: "text", text: String(call.arguments.value) }] });

async function start(callTool: CallTool = echo, options: Partial<HttpBridgeOptions> = {}) {
  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message);
  const endpoint = await startHttpEndpoint({ onWarning });
  onTestFinished(() => endpoint.close());
  const open = () =>
    endpoint.open({ agentId: "a", tools: [{ name: "echo" }, { name: "read file!" }], callTool, onWarning, ...options });
  return { endpoint, bridge: open(), open, warnings };
}

async function connect(bridge: HttpBridge) {
  const transport = new StreamableHTTPClientTransport(new URL(bridge.url), {
    requestInit: { headers: bridge.headers },
  });
  const client = new Client({ name: "test", version: "1" });
  // The SDK's own types disagree under exactOptionalPropertyTypes (1.32).
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  onTestFinished(() => client.close());
  return { client, transport };
}

interface Raw {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** A request as it is, `Host` included, which `fetch` doesn't let one set. */
async function raw(url: string, { method = "POST", headers = {}, body = "" }: Raw) {
  const request = httpRequest(url, { method, headers, agent: false });
  request.on("error", () => {}); // the rest of a refused body
  request.end(body);
  const [response] = await once(request, "response");
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return { status: response.statusCode as number, headers: response.headers, text };
}

const json = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
});

async function rawSession(bridge: HttpBridge) {
  const { headers } = await raw(bridge.url, { headers: { ...json, ...bridge.headers }, body: initialize });
  return { ...json, ...bridge.headers, "mcp-session-id": String(headers["mcp-session-id"]) };
}

const toolCall = (id: number, args: string) =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":${args}}}`;

test("an MCP client lists and calls the tools", async () => {
  const { bridge } = await start();
  const { client } = await connect(bridge);
  expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual(["echo", "read_file_ecafb24382"]);
  const result = await client.callTool({ name: "echo", arguments: { value: "hi" } });
  expect(result.content).toEqual([{ type: "text", text: "hi" }]);
});

test("whoever lacks the path, the token or the plain address gets 404 and nothing else", async () => {
  const { bridge, endpoint, open, warnings } = await start();
  const other = open();
  const good = { ...json, ...bridge.headers };
  const strangers: [string, Record<string, string>][] = [
    [bridge.url, json],
    [bridge.url, { ...json, authorization: "Bearer wrong" }],
    [bridge.url, { ...json, authorization: bridge.token }],
    [bridge.url, { ...json, ...other.headers }],
    [`http://127.0.0.1:${endpoint.port}/mcp`, good],
    [`${bridge.url}/`, good],
    [bridge.url, { ...good, host: `localhost:${endpoint.port}` }],
    [bridge.url, { ...good, host: `rebound.example:${endpoint.port}` }],
    [bridge.url, { ...good, origin: "http://rebound.example" }],
    [bridge.url, { ...good, origin: "null" }],
  ];
  for (const [url, headers] of strangers) {
    const answer = await raw(url, { headers, body: initialize });
    expect([answer.status, answer.text]).toEqual([404, ""]);
  }
  expect(warnings).toEqual([expect.stringContaining("turned a request away")]);
  expect((await raw(bridge.url, { headers: good, body: initialize })).status).toBe(200);
});

test("a late request for a closed bridge gets 404 without a warning, one without its token is reported", async () => {
  const { bridge, warnings } = await start();
  const headers = await rawSession(bridge);
  await bridge.close();
  expect((await raw(bridge.url, { method: "DELETE", headers })).status).toBe(404);
  expect((await raw(bridge.url, { headers, body: toolCall(2, "{}") })).status).toBe(404);
  expect(warnings).toEqual([]);
  await raw(bridge.url, { method: "DELETE", headers: { ...headers, Authorization: "Bearer guessed" } });
  expect(warnings).toHaveLength(1);
});

test("a stranger that keeps connections open ends only strangers' connections", async () => {
  const { bridge, endpoint } = await start();
  const { client } = await connect(bridge);
  const sockets = Array.from({ length: 65 }, () => connectSocket(endpoint.port, "127.0.0.1").on("error", () => {}));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.race(sockets.map((socket) => once(socket.resume(), "close")));
  expect(sockets.filter((socket) => !socket.destroyed).length).toBeGreaterThan(0);
  const result = await client.callTool({ name: "echo", arguments: { value: "hi" } });
  expect(result.content).toEqual([{ type: "text", text: "hi" }]);
});

test("a body over the limit is refused, whether its length is announced or not", async () => {
  const { bridge, warnings } = await start(echo, { maxMessageBytes: 1000 });
  const headers = { ...json, ...bridge.headers };
  const body = toolCall(1, JSON.stringify({ value: "x".repeat(2000) }));
  expect((await raw(bridge.url, { headers, body })).status).toBe(413);
  const chunked = { ...headers, "transfer-encoding": "chunked" };
  expect((await raw(bridge.url, { headers: chunked, body })).status).toBe(413);
  expect(warnings).toHaveLength(2);
  expect((await raw(bridge.url, { headers, body: initialize })).status).toBe(200);
});

test("anything but a message is refused, and arguments 10^6 levels deep do no harm", async () => {
  const { bridge } = await start(async (call) => ({ content: [], structuredContent: call.arguments }));
  const headers = await rawSession(bridge);
  for (const body of ["", "[]", "null", "{", '{"id":01}'])
    expect((await raw(bridge.url, { headers, body })).status).toBe(400);
  const deep = `{"value":${"[".repeat(1e6)}${"]".repeat(1e6)}}`;
  const answer = await raw(bridge.url, { headers, body: toolCall(2, deep) });
  expect(JSON.parse(answer.text)).toMatchObject({
    id: 2,
    result: { content: [{ type: "text", text: expect.stringContaining("left out") }] },
  });
  const next = await raw(bridge.url, { headers, body: toolCall(3, '{"value":1}') });
  expect(JSON.parse(next.text)).toMatchObject({ id: 3, result: { structuredContent: { value: 1 } } });
});

test("DELETE ends the session and cancels its calls", async () => {
  const started = Promise.withResolvers<AbortSignal>();
  const { bridge } = await start((call) => {
    started.resolve(call.signal);
    return new Promise(() => {});
  });
  const headers = await rawSession(bridge);
  const pending = raw(bridge.url, { headers, body: toolCall(2, "{}") });
  const signal = await started.promise;
  expect((await raw(bridge.url, { method: "DELETE", headers })).status).toBe(200);
  expect(signal.aborted).toBe(true);
  expect(JSON.parse((await pending).text)).toMatchObject({ id: 2, error: { message: "The session has ended" } });
  expect((await raw(bridge.url, { headers, body: toolCall(3, "{}") })).status).toBe(404);
});

test("a client that disconnects cancels its call", async () => {
  const started = Promise.withResolvers<AbortSignal>();
  const { bridge } = await start((call) => {
    started.resolve(call.signal);
    return new Promise(() => {});
  });
  const request = httpRequest(bridge.url, { method: "POST", headers: await rawSession(bridge), agent: false });
  request.on("error", () => {});
  request.end(toolCall(2, "{}"));
  const signal = await started.promise;
  const aborted = once(signal, "abort");
  request.destroy();
  await aborted;
  expect(signal.aborted).toBe(true);
});

test("closing a bridge cancels its calls and leaves the others", async () => {
  const started = Promise.withResolvers<AbortSignal>();
  const { bridge, open } = await start((call) => {
    if (call.arguments.value !== "wait") return echo(call);
    started.resolve(call.signal);
    return new Promise(() => {});
  });
  const { client } = await connect(bridge);
  const { client: other } = await connect(open());
  const failed = client.callTool({ name: "echo", arguments: { value: "wait" } }).catch((error: unknown) => error);
  const signal = await started.promise;
  await bridge.close();
  expect(signal.aborted).toBe(true);
  expect(await failed).toBeInstanceOf(Error);
  const result = await other.callTool({ name: "echo", arguments: { value: "still here" } });
  expect(result.content).toEqual([{ type: "text", text: "still here" }]);
});

test("200 requests at once are each answered with their own result", async () => {
  const { bridge } = await start();
  const { client } = await connect(bridge);
  const values = Array.from({ length: 200 }, (_, value) => String(value));
  const results = await Promise.all(values.map((value) => client.callTool({ name: "echo", arguments: { value } })));
  expect(results.map((result) => result.content)).toEqual(values.map((text) => [{ type: "text", text }]));
});

test("a result of 20 MB arrives whole where the limit allows it", async () => {
  const text = "ü".repeat(10 * 1024 * 1024);
  const { bridge } = await start(async () => ({ content: [{ type: "text", text }] }), {
    maxResultBytes: 32 * 1024 * 1024,
  });
  const { client } = await connect(bridge);
  const { content } = (await client.callTool({ name: "echo" })) as { content: { text: string }[] };
  expect(content[0]?.text === text).toBe(true);
});

test("progress arrives before the answer, in order", async () => {
  const { bridge } = await start(async (call) => {
    for (const progress of [1, 2, 3]) call.reportProgress({ progress, total: 3 });
    return { content: [{ type: "text", text: "done" }] };
  });
  const { client } = await connect(bridge);
  const seen: number[] = [];
  const result = await client.callTool({ name: "echo" }, undefined, {
    onprogress: ({ progress }) => void seen.push(progress),
  });
  expect(seen).toEqual([1, 2, 3]);
  expect(result.content).toEqual([{ type: "text", text: "done" }]);
});
