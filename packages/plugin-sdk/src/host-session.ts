import { messageOf } from "@plexum/coded-error";
import type { CallContext, Peer } from "@plexum/json-rpc";
import { type JsonRpcError, RPC_CODES, RpcError } from "@plexum/json-rpc";
import { BoundedQueue } from "./bounded-queue.ts";
import { check, checkedAnswer, checkedParams } from "./check.ts";
import { PluginSdkError } from "./errors.ts";
import { failedToolResult } from "./tool-result.ts";
import {
  type CallToolResult,
  eventParamsSchema,
  type HostToolCall,
  hostToolCallSchema,
  initializeResultSchema,
  type LOG_LEVELS,
  logParamsSchema,
  type Manifest,
  mcp,
  PLUGIN_CAPABILITY,
  PROTOCOL_VERSIONS,
  type ProviderEvent,
  plexum,
  readAgentStateParamsSchema,
  type StreamRequest,
} from "./wire.ts";

/** One entry of a plugin's log. */
export interface LogEntry {
  readonly level: (typeof LOG_LEVELS)[number];
  /** The plugin's name; absent until its manifest is known. */
  readonly logger?: string | undefined;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A host's handlers for its plugin. */
export interface HostHandlers {
  /** Calls one of the tools that the stream's request offered. What it throws becomes a result with `isError: true`. */
  callTool?(call: HostToolCall, context: CallContext): Promise<CallToolResult>;
  /** Returns the state of an agent. */
  readAgentState?(agentId: string, context: CallContext): Promise<object>;
  onLog?(entry: LogEntry): void;
  /** Called when the plugin violates the protocol and no call fails because of it, such as by a line that is not a message. */
  onFault?(error: PluginSdkError | JsonRpcError): void;
}

/** A host's side of one connection: handles each message of the plugin. */
export class HostSession {
  readonly #handlers: HostHandlers;
  readonly #peer: () => Peer;
  readonly #maxBufferedBytes: number;
  readonly #streams = new Map<string, IncomingStream>();

  constructor(handlers: HostHandlers, maxBufferedBytes: number, peer: () => Peer) {
    this.#handlers = handlers;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#peer = peer;
  }

  async initialize(clientInfo: { name: string; version: string }, signal: AbortSignal): Promise<Manifest> {
    const params = { protocolVersion: PROTOCOL_VERSIONS[0], capabilities: {}, clientInfo };
    const result = await this.#peer().request(mcp.initialize, params, { signal });
    const { protocolVersion, capabilities } = checkedAnswer(initializeResultSchema, result);
    if (!PROTOCOL_VERSIONS.some((known) => known === protocolVersion)) {
      const known = PROTOCOL_VERSIONS.join(", ");
      throw new PluginSdkError(
        "protocol_violation",
        `the plugin speaks MCP ${protocolVersion}, but only ${known} are supported`,
      );
    }
    void this.#peer().notify(mcp.initialized, {});
    return capabilities.experimental[PLUGIN_CAPABILITY].manifest;
  }

  async *stream(request: StreamRequest, outerSignal: AbortSignal | undefined): AsyncGenerator<ProviderEvent, void> {
    const { stream_id } = request;
    if (this.#streams.has(stream_id)) throw new TypeError(`stream_id ${JSON.stringify(stream_id)} is in use`);
    const stream = new IncomingStream(this.#maxBufferedBytes);
    this.#streams.set(stream_id, stream);
    const signal = outerSignal ? AbortSignal.any([outerSignal, stream.signal]) : stream.signal;
    const answered = this.#peer()
      .request(plexum.stream, request, { signal, onAbort: "wait" })
      .then(
        () => stream.end(),
        (error) => stream.fail(error),
      );
    try {
      yield* stream.read();
    } finally {
      stream.leave();
      await answered;
      this.#streams.delete(stream_id);
    }
  }

  async handleRequest(method: string, params: unknown, context: CallContext): Promise<object> {
    const { callTool, readAgentState } = this.#handlers;
    if (method === mcp.ping) return {};
    if (method === plexum.callHostTool && callTool) {
      const call = checkedParams(hostToolCallSchema, params);
      try {
        return await callTool.call(this.#handlers, call, context);
      } catch (error) {
        return failedToolResult(error);
      }
    }
    if (method === plexum.readAgentState && readAgentState) {
      const { agent_id } = checkedParams(readAgentStateParamsSchema, params);
      return readAgentState.call(this.#handlers, agent_id, context);
    }
    throw new RpcError(RPC_CODES.methodNotFound, `this host has no method ${JSON.stringify(method)}`);
  }

  handleNotification(method: string, params: unknown, bytes: number): void {
    if (method === plexum.event) this.#receiveEvent(params, bytes);
    else if (method === mcp.log) this.#receiveLog(params);
  }

  #receiveEvent(params: unknown, bytes: number): void {
    const checked = check(eventParamsSchema, params, "params");
    if (checked.ok) {
      const { stream_id, seq, event } = checked.value;
      this.#streams.get(stream_id)?.push(seq, event, bytes);
      return;
    }
    const fault = new PluginSdkError("protocol_violation", `the plugin sent a malformed event: ${checked.faults}`);
    const streamId = (params as { stream_id?: unknown } | null | undefined)?.stream_id;
    const stream = typeof streamId === "string" ? this.#streams.get(streamId) : undefined;
    if (stream) stream.fail(fault);
    else this.#handlers.onFault?.(fault);
  }

  #receiveLog(params: unknown): void {
    const checked = check(logParamsSchema, params, "params");
    if (!checked.ok) {
      this.#handlers.onFault?.(
        new PluginSdkError("protocol_violation", `the plugin sent a malformed log entry: ${checked.faults}`),
      );
      return;
    }
    const { level, logger, data } = checked.value;
    const { message, ...fields } =
      typeof data === "object" && data !== null ? { message: "", ...data } : { message: data };
    this.#handlers.onLog?.({ level, logger, message: textOf(message), fields });
  }
}

/** A plugin should send text. Anything else becomes JSON text, if possible: not every value can be converted to a string. */
function textOf(message: unknown): string {
  if (typeof message === "string") return message;
  try {
    return JSON.stringify(message) ?? "";
  } catch {
    return "[a message that is nested too deeply]";
  }
}

/** An incoming stream: checks that no event is missing, and holds the unread events. */
class IncomingStream {
  readonly #queue: BoundedQueue<ProviderEvent>;
  readonly #leaving = new AbortController();
  #nextSeq = 0;
  #lastType: string | undefined;

  constructor(maxBufferedBytes: number) {
    this.#queue = new BoundedQueue(maxBufferedBytes);
  }

  /** Aborts when the reader has left, so that the plugin stops. */
  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  push(seq: number, event: ProviderEvent, bytes: number): void {
    if (seq !== this.#nextSeq) {
      const message = `event ${seq} arrived instead of event ${this.#nextSeq}: the stream has a gap`;
      this.fail(new PluginSdkError("protocol_violation", message));
      return;
    }
    this.#nextSeq += 1;
    this.#lastType = event.type;
    try {
      this.#queue.push(event, bytes);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the stream: the plugin has answered, so all events have arrived. */
  end(): void {
    if (this.#lastType === "message_end") this.#queue.end();
    else this.fail(new PluginSdkError("protocol_violation", "the stream ended without message_end"));
  }

  fail(error: unknown): void {
    this.#queue.end({ error });
    this.#leaving.abort(new DOMException(messageOf(error), "AbortError"));
  }

  /** Stops reading, and cancels the turn if it is running. */
  leave(): void {
    this.#queue.end();
    this.#leaving.abort(new DOMException("the reader has left the stream", "AbortError"));
  }

  read(): AsyncGenerator<ProviderEvent, void> {
    return this.#queue.read();
  }
}
