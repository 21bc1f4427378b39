import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { connectPlugin, JsonRpcError, type Plugin, PluginSdkError, RpcError, serve } from "@plexum/plugin-sdk";
import { chunksOf, type FuzzInput, type FuzzTarget, must } from "../fuzz-target.ts";

const MANIFEST = {
  name: "fuzzed",
  version: "1.0.0",
  activation: "lazy" as const,
  executable: "fuzzed",
  contracts: {
    provider: { models: ["one"] },
    tools: [{ name: "lookup", inputSchema: { type: "object" } }],
  },
};

/** Both ends of the Plexum protocol: what a host may send to a plugin, and a plugin to its host. */
export const pluginProtocol: FuzzTarget = {
  name: "plugin-protocol",
  async run(input) {
    await checkPlugin(input);
    await checkHost(input);
  },
};

const plugin = (): Plugin => ({
  initialize: async () => MANIFEST,
  async stream({ stream_id }, { emit }) {
    await emit({ type: "message_start" });
    await emit({ type: "text_delta", text: stream_id });
    const usage = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, thinking_tokens: 0 };
    await emit({ type: "message_end", stop_reason: "end_turn", usage });
  },
  mutate: async ({ mutations }) => ({ requested: mutations.length, touched: 0, missing: [], skipped: [] }),
  callTool: async ({ name }) => ({ content: [{ type: "text", text: name }] }),
});

async function checkPlugin(fuzz: FuzzInput): Promise<void> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const written = text(output);
  const serving = serve(plugin(), { input, output, maxMessageBytes: 1024 * 1024 });
  input.write(
    `${JSON.stringify({ jsonrpc: "2.0", id: "first", method: "initialize", params: { protocolVersion: "2025-11-25" } })}\n`,
  );
  await write(input, fuzz);
  await serving;
  const messages = (await written).split("\n").filter(Boolean);
  must(messages.length > 0, "the handshake is answered");
  for (const line of messages) {
    const message = JSON.parse(line) as { jsonrpc?: unknown };
    must(message.jsonrpc === "2.0", "every line that is written is a message");
  }
}

async function checkHost(fuzz: FuzzInput): Promise<void> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  output.resume();
  const result = {
    protocolVersion: "2025-11-25",
    serverInfo: { name: "fuzzed", version: "1.0.0" },
    capabilities: { experimental: { "plexum/plugin": { manifest: MANIFEST } } },
  };
  input.write(`${JSON.stringify({ jsonrpc: "2.0", id: 0, result })}\n`);
  const host = await connectPlugin({
    input,
    output,
    maxMessageBytes: 1024 * 1024,
    callTool: async ({ name }) => ({ content: [{ type: "text", text: name }] }),
    readAgentState: async (agent) => ({ agent }),
    onLog() {},
    onFault() {},
  });
  const request = {
    stream_id: "one",
    model_id: "",
    agent: { agent_id: "a", workspace: "/nowhere" },
    request: { messages: [] },
  };
  const reading = (async () => {
    for await (const event of host.stream(request)) must(typeof event.type === "string", "an event has a type");
  })().catch(allow);
  const others = [host.listTools(), host.callTool({ name: "lookup" })].map((call) => call.catch(allow));
  await write(input, fuzz);
  await Promise.all([reading, ...others]);
  await host.close();
}

function allow(error: unknown): void {
  if (!JsonRpcError.isInstance(error) && !RpcError.isInstance(error) && !PluginSdkError.isInstance(error)) throw error;
}

async function write(stream: PassThrough & Readable, fuzz: FuzzInput): Promise<void> {
  for (const chunk of chunksOf(fuzz))
    if (!stream.write(chunk)) await Promise.race([once(stream, "drain"), once(stream, "close")]);
  stream.end();
}
