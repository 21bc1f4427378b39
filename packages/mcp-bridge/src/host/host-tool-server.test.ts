import { randomUUID } from "node:crypto";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { expect, test } from "vitest";
import { relayCommand } from "../../test/relay-command.ts";
import { mcpServerEntry } from "../registration/mcp-server-entry.ts";
import { type Bridge, startBridge } from "../socket/socket-bridge.ts";
import { type HostCall, type HostTurn, hostToolServer } from "./host-tool-server.ts";

/** A client that starts the relay from what `mcpServers` says, and nothing else. */
async function connect(bridge: Bridge) {
  const { command, args, env } = mcpServerEntry(bridge, relayCommand);
  const client = new Client({ name: "test", version: "1" });
  await client.connect(new StdioClientTransport({ command, args: [...args], env }));
  return { client, [Symbol.asyncDispose]: () => client.close() };
}

const turn = (
  parts: Partial<HostTurn> = {},
  tools: HostTurn["request"]["request"]["tools"] = [{ name: "look at!" }],
) => ({
  host: { callTool: async () => ({ content: [] }) },
  request: { stream_id: "s1", agent: { agent_id: `agent ${randomUUID()}` }, request: { tools } },
  signal: new AbortController().signal,
  ...parts,
});

test("the host runs a call under its own name of the tool, and its image reaches the client", async () => {
  const calls: HostCall[] = [];
  const identities: unknown[] = [];
  const { promise: reported, resolve: onprogress } = Promise.withResolvers<unknown>();
  const data = "iVBORw0KGgo=";
  const given = turn({
    host: {
      async callTool(call, { onProgress }) {
        calls.push(call);
        onProgress({ progress: 1, total: 2 });
        await reported; // the SDK's client drops a report that comes in one chunk with the result
        return { content: [{ type: "image", data_base64: data, media_type: "image/png" }] };
      },
    },
    identifyCall: ({ mine }) => ({ callId: String(mine), itemId: "item" }),
    onCall: (identity) => identities.push(identity),
  });
  await using bridge = await startBridge(hostToolServer(given));
  await using relay = await connect(bridge);
  const [tool] = (await relay.client.listTools()).tools;
  const params = { name: String(tool?.name), arguments: { a: 1 }, _meta: { mine: "call_1" } };
  const result = await relay.client.callTool(params, undefined, { onprogress });
  expect(result.content).toEqual([{ type: "image", data, mimeType: "image/png" }]);
  const { agent_id } = given.request.agent;
  expect(calls).toEqual([{ agent_id, stream_id: "s1", call_id: "call_1", name: "look at!", arguments: { a: 1 } }]);
  expect(identities).toEqual([{ callId: "call_1", itemId: "item" }]);
  expect(await reported).toEqual({ progress: 1, total: 2 });
});

test("without identifyCall the host gets no call_id; the turn's end aborts what runs", async () => {
  const over = new AbortController();
  const { promise: seen, resolve } = Promise.withResolvers<HostCall>();
  const given = turn({
    host: {
      async callTool(call, { signal }) {
        resolve(call);
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        return { content: [] };
      },
    },
    signal: over.signal,
  });
  await using bridge = await startBridge(hostToolServer(given));
  await using relay = await connect(bridge);
  const [tool] = (await relay.client.listTools()).tools;
  const result = relay.client.callTool({ name: String(tool?.name) });
  expect(await seen).not.toHaveProperty("call_id");
  over.abort(new Error("the turn is over"));
  expect(await result).toMatchObject({
    isError: true,
    content: [{ text: expect.stringContaining("the turn is over") }],
  });
});

test("a tool that can't be offered causes a warning; a missing list means no tools", () => {
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  const { tools } = hostToolServer(
    turn({ onWarning }, [{ name: "a", input_schema: { type: "array" } }, { name: "b" }]),
  );
  expect(tools).toEqual([{ name: "b", inputSchema: { type: "object" } }]);
  expect(warnings).toEqual([expect.stringContaining('"a" is not offered')]);
  expect(hostToolServer(turn({}, null)).tools).toEqual([]);
});

test("two concurrent turns of one agent have a bridge each; a path that the caller chose is not changed", async () => {
  const given = turn();
  await using first = await startBridge(hostToolServer(given));
  await using second = await startBridge(hostToolServer(given));
  expect(second.socketPath).not.toBe(first.socketPath);
  for (const bridge of [first, second]) {
    await using relay = await connect(bridge);
    expect((await relay.client.listTools()).tools).toHaveLength(1);
  }
  const { socketPath } = first;
  await expect(startBridge({ ...hostToolServer(given), socketPath })).rejects.toMatchObject({ code: "socket_in_use" });
});

test.each(["agentId", "socketPath", "token"])("an entry is refused with a NUL in its %s", (key) => {
  const bridge = { agentId: "a", socketPath: "/a", token: "t", [key]: "a\0b" };
  expect(() => mcpServerEntry(bridge, relayCommand)).toThrow(expect.objectContaining({ code: "invalid_value" }));
});
