import { PassThrough } from "node:stream";
import { connectPlugin, type HostOptions, type Manifest, type Plugin, type ServeOptions, serve } from "./src/index.ts";

export const manifest: Manifest = {
  name: "echo",
  version: "1.2.3",
  activation: "lazy",
  executable: "echo-plugin",
  contracts: {
    provider: { models: ["echo"] },
    tools: [{ name: "shout", description: "Says it louder", inputSchema: { type: "object" } }],
  },
};

export const streamRequest = {
  stream_id: "s1",
  model_id: "echo",
  agent: { agent_id: "agent", workspace: "/nowhere" },
  request: { messages: [{ role: "user" as const, content: [{ type: "text" as const, text: "hello" }] }] },
};

/** A plugin with all that a manifest can offer; a test replaces what it is about. */
export function pluginWith(parts: Partial<Plugin> = {}): Plugin {
  return {
    initialize: () => manifest,
    async stream(_request, { emit }) {
      emit({ type: "message_start" });
    },
    callTool: async ({ arguments: args }) => ({
      content: [{ type: "text", text: JSON.stringify(args).toUpperCase() }],
    }),
    ...parts,
  };
}

/** A plugin served in this process, and the raw ends of its streams. */
export function serveHere(plugin: Plugin, options: ServeOptions = {}) {
  const input = new PassThrough();
  const output = new PassThrough();
  return { toPlugin: input, fromPlugin: output, served: serve(plugin, { input, output, ...options }) };
}

/** A plugin served in this process and a host connected to it. */
export async function connectHere(plugin: Plugin, host: HostOptions = {}, options: ServeOptions = {}) {
  const { toPlugin, fromPlugin, served } = serveHere(plugin, options);
  const connected = await connectPlugin({ input: fromPlugin, output: toPlugin, ...host });
  return { connected, served };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected = [];
  for await (const item of items) collected.push(item);
  return collected;
}
