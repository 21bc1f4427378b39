import { messageOf } from "@plexum/coded-error";
import type { CallContext, Peer } from "@plexum/json-rpc";
import { RPC_CODES, RpcError } from "@plexum/json-rpc";
import { check, checkedAnswer, checkedParams, invalidParams } from "./check.ts";
import type { Host, Plugin } from "./plugin.ts";
import { runStream } from "./provider-stream.ts";
import { failedToolResult } from "./tool-result.ts";
import {
  type CallToolResult,
  callToolParamsSchema,
  callToolResultSchema,
  initializeParamsSchema,
  LOG_LEVELS,
  type Manifest,
  manifestSchema,
  mcp,
  mutateRequestSchema,
  PLUGIN_CAPABILITY,
  PROTOCOL_VERSIONS,
  plexum,
  setLevelParamsSchema,
  streamRequestSchema,
} from "./wire.ts";

/** A plugin's side of one connection: handles each request of the host. */
export class PluginSession {
  readonly #plugin: Plugin;
  readonly #peer: () => Peer;
  readonly #streamIds = new Set<string>();
  readonly #host: Host;
  #state: "new" | "initializing" | "serving" | "closing" = "new";
  #manifest: Manifest | undefined;
  #leastLevel = 0;

  constructor(plugin: Plugin, peer: () => Peer) {
    this.#plugin = plugin;
    this.#peer = peer;
    this.#host = {
      log: (level, message, fields) => this.#log(level, message, fields),
      callTool: async (call, options) =>
        checkedAnswer(callToolResultSchema, await this.#peer().request(plexum.callHostTool, call, options)),
      readAgentState: (agent_id, options) => this.#peer().request(plexum.readAgentState, { agent_id }, options),
    };
  }

  /** Refuses new requests from now on. */
  close(): void {
    this.#state = "closing";
  }

  async handle(method: string, params: unknown, context: CallContext): Promise<object> {
    if (method === mcp.ping) return {};
    if (this.#state === "closing") throw new RpcError(RPC_CODES.requestFailed, "the plugin is shutting down");
    if (method === mcp.initialize) return this.#initialize(checkedParams(initializeParamsSchema, params));
    const manifest = this.#manifest;
    if (!manifest) throw new RpcError(RPC_CODES.invalidRequest, `${method} before initialize: send initialize first`);

    const { stream, mutate, callTool } = this.#plugin;
    switch (method) {
      case mcp.setLevel:
        this.#leastLevel = LOG_LEVELS.indexOf(checkedParams(setLevelParamsSchema, params).level);
        return {};
      case mcp.listTools:
        if (manifest.contracts.tools) return { tools: manifest.contracts.tools };
        break;
      case mcp.callTool:
        if (callTool) return this.#callTool(manifest, params, context);
        break;
      case plexum.stream:
        if (stream) return this.#stream(stream.bind(this.#plugin), params, context);
        break;
      case plexum.mutate:
        if (mutate) return mutate.call(this.#plugin, checkedParams(mutateRequestSchema, params), context);
        break;
    }
    throw new RpcError(RPC_CODES.methodNotFound, `this plugin has no method ${JSON.stringify(method)}`);
  }

  async #initialize({ protocolVersion }: { protocolVersion: string }): Promise<object> {
    if (this.#state !== "new") throw new RpcError(RPC_CODES.invalidRequest, "initialize was already sent");
    this.#state = "initializing";
    try {
      const manifest = await this.#plugin.initialize(this.#host);
      const { name, version, contracts } = checkedManifest(manifest, this.#plugin);
      this.#manifest = manifest;
      if (this.#state === "initializing") this.#state = "serving";
      return {
        protocolVersion: PROTOCOL_VERSIONS.find((known) => known === protocolVersion) ?? PROTOCOL_VERSIONS[0],
        serverInfo: { name, version },
        capabilities: {
          logging: {},
          ...(contracts.tools && { tools: {} }),
          experimental: { [PLUGIN_CAPABILITY]: { manifest } },
        },
      };
    } finally {
      if (this.#state === "initializing") this.#state = "new";
    }
  }

  async #stream(stream: NonNullable<Plugin["stream"]>, params: unknown, context: CallContext): Promise<object> {
    const request = checkedParams(streamRequestSchema, params);
    const { stream_id } = request;
    if (this.#streamIds.has(stream_id)) throw invalidParams(`params.stream_id: ${JSON.stringify(stream_id)} is in use`);
    this.#streamIds.add(stream_id);
    try {
      await runStream(stream, request, context.signal, {
        send: (seq, event) => this.#peer().notify(plexum.event, { stream_id, seq, event }),
        failedLate: (error) =>
          this.#log("error", `the stream's handler failed after message_end: ${messageOf(error)}`, { stream_id }),
      });
    } finally {
      this.#streamIds.delete(stream_id);
    }
    return {};
  }

  async #callTool(manifest: Manifest, params: unknown, context: CallContext): Promise<CallToolResult> {
    const { name, arguments: args, _meta } = checkedParams(callToolParamsSchema, params);
    if (!manifest.contracts.tools?.some((tool) => tool.name === name)) {
      throw invalidParams(`params.name: this plugin has no tool ${JSON.stringify(name)}`);
    }
    try {
      const result = await this.#plugin.callTool?.({ name, arguments: args, agent_id: _meta?.agent_id }, context);
      return result ?? { content: [] };
    } catch (error) {
      return failedToolResult(error);
    }
  }

  #log(level: (typeof LOG_LEVELS)[number], message: string, fields: Record<string, unknown> = {}): void {
    if (LOG_LEVELS.indexOf(level) < this.#leastLevel) return;
    const send = (data: object) => void this.#peer().notify(mcp.log, { level, logger: this.#manifest?.name, data });
    try {
      send({ ...fields, message });
    } catch (error) {
      send({ message, fields_lost: messageOf(error) });
    }
  }
}

/** Reports the plugin's own mistakes at the first handshake, before the host sees them. */
function checkedManifest(manifest: Manifest, plugin: Plugin): Manifest {
  const result = check(manifestSchema, manifest, "manifest");
  if (!result.ok) throw new Error(`the plugin's manifest is malformed: ${result.faults}`);
  const { provider, tools } = manifest.contracts;
  if (provider && !plugin.stream) throw new Error("the manifest offers models, but the plugin has no stream()");
  if (tools && !plugin.callTool) throw new Error("the manifest offers tools, but the plugin has no callTool()");
  return manifest;
}
