import type { Readable, Writable } from "node:stream";
import { messageOf } from "@plexum/coded-error";
import { type CallOptions, Peer, RpcError } from "@plexum/json-rpc";
import { checkedAnswer } from "./check.ts";
import { PluginSdkError } from "./errors.ts";
import { type HostHandlers, HostSession } from "./host-session.ts";
import { type PluginCommand, type PluginExit, type PluginProcess, startPlugin } from "./plugin-process.ts";
import { timeLimit } from "./time-limit.ts";
import {
  type CallToolResult,
  callToolResultSchema,
  listToolsResultSchema,
  type Manifest,
  type McpTool,
  type MutateReport,
  type MutateRequest,
  mcp,
  mutateReportSchema,
  type ProviderEvent,
  plexum,
  type StreamRequest,
} from "./wire.ts";

/** The streams of a plugin that is already running, in this process or behind a socket. */
export interface PluginStreams {
  /** What the plugin writes. */
  readonly input: Readable;
  /** What the plugin reads. */
  readonly output: Writable;
}

export interface HostOptions extends HostHandlers {
  /** The host's name and version, for the plugin's log. */
  readonly clientInfo?: { readonly name: string; readonly version: string } | undefined;
  /** Aborts connecting. */
  readonly signal?: AbortSignal | undefined;
  /** How long the handshake may take, in milliseconds. @default 30_000 */
  readonly handshakeTimeoutMs?: number | undefined;
  /** The longest line accepted from the plugin, in bytes. @default 67_108_864 */
  readonly maxMessageBytes?: number | undefined;
  /** How much of one stream may be unread before it is cancelled with `event_overflow`, in bytes. @default 67_108_864 */
  readonly maxBufferedBytes?: number | undefined;
}

export type ConnectOptions = (PluginCommand | PluginStreams) & HostOptions;

/** A plugin that has completed the handshake. */
export interface ConnectedPlugin extends AsyncDisposable {
  readonly manifest: Manifest;
  /** The plugin's process id; undefined if streams were given. */
  readonly pid: number | undefined;
  /** Resolves when the plugin is gone, for any reason. */
  readonly closed: Promise<PluginExit>;

  /**
   * Runs one turn and returns its events. Sends the request when reading begins. Aborting the signal cancels the turn; its
   * events still arrive, up to `message_end`. Leaving the loop also cancels it, and waits until the plugin has ended it.
   *
   * Iterating throws RpcError if the plugin can't start the turn; JsonRpcError `closed`; PluginSdkError
   * `protocol_violation` (a gap, a malformed event, no `message_end`) or `event_overflow`; the signal's reason if it was aborted before the start.
   */
  stream(request: StreamRequest, options?: Pick<CallOptions, "signal">): AsyncGenerator<ProviderEvent, void>;
  /** Changes the agent's record in the CLI. @throws RpcError, JsonRpcError; PluginSdkError `protocol_violation`. */
  mutate(request: MutateRequest, options?: CallOptions): Promise<MutateReport>;
  /** Lists the plugin's own tools. @throws RpcError, JsonRpcError; PluginSdkError `protocol_violation`. */
  listTools(options?: CallOptions): Promise<McpTool[]>;
  /** Calls one of the plugin's own tools. @throws RpcError, JsonRpcError; PluginSdkError `protocol_violation`. */
  callTool(
    call: { name: string; arguments?: Record<string, unknown>; agent_id?: string },
    options?: CallOptions,
  ): Promise<CallToolResult>;

  /**
   * Ends the plugin's input, which ends its turns and then the plugin itself. A process that does not end gets SIGTERM
   * after `closeTimeoutMs`, and SIGKILL `termTimeoutMs` later.
   */
  close(): Promise<void>;
}

/**
 * Starts a plugin, or connects to one through its streams, and completes the handshake.
 *
 * @throws RpcError if the plugin refuses, with its reason; PluginSdkError `start_failed` if it can't be started, ends, or
 * does not answer in time; RangeError for an invalid time limit; the signal's reason.
 */
export async function connectPlugin(options: ConnectOptions): Promise<ConnectedPlugin> {
  const { clientInfo = { name: "plexum-plugin-sdk", version: "0" } } = options;
  const { maxMessageBytes, maxBufferedBytes = 64 * 1024 * 1024 } = options;
  // Before there is a process that could be orphaned.
  const handshakeTimeoutMs = timeLimit("handshakeTimeoutMs", options.handshakeTimeoutMs ?? 30_000);
  options.signal?.throwIfAborted();
  const child = "command" in options ? await startPlugin(options) : undefined;
  const { input, output } = child ?? (options as PluginStreams);
  const session: HostSession = new HostSession(options, maxBufferedBytes, () => peer);
  const peer: Peer = new Peer({
    input,
    output,
    maxMessageBytes,
    onRequest: (method, params, context) => session.handleRequest(method, params, context),
    onNotification: (method, params, bytes) => session.handleNotification(method, params, bytes),
    onFault: (error) => options.onFault?.(error),
  });
  const close = child ? () => child.close() : () => endStreams(peer, input, output);

  let manifest: Manifest;
  const timeout = AbortSignal.timeout(handshakeTimeoutMs);
  try {
    manifest = await session.initialize(
      clientInfo,
      AbortSignal.any([timeout, ...(options.signal ? [options.signal] : [])]),
    );
  } catch (error) {
    const running = close();
    await running;
    if (RpcError.isInstance(error) || options.signal?.aborted) throw error;
    throw await handshakeFailure(error, timeout.aborted, child);
  }
  return {
    manifest,
    pid: child?.pid,
    closed: peer.ended.then(() => child?.exited ?? { exitCode: null, signal: null }),
    stream: (request, { signal } = {}) => session.stream(request, signal),
    mutate: async (request, call) =>
      checkedAnswer(mutateReportSchema, await peer.request(plexum.mutate, request, call)),
    listTools: async (call) => checkedAnswer(listToolsResultSchema, await peer.request(mcp.listTools, {}, call)).tools,
    callTool: async ({ agent_id, ...params }, call) => {
      const named = agent_id === undefined ? params : { ...params, _meta: { agent_id } };
      return checkedAnswer(callToolResultSchema, await peer.request(mcp.callTool, named, call));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function endStreams(peer: Peer, input: Readable, output: Writable): Promise<void> {
  output.end();
  await peer.ended;
  input.destroy();
}

async function handshakeFailure(
  error: unknown,
  isLate: boolean,
  child: PluginProcess | undefined,
): Promise<PluginSdkError> {
  const { exitCode, signal } = (await child?.exited) ?? {};
  const exit =
    exitCode || (signal && !isLate)
      ? ` (it ${signal ? `was killed by ${signal}` : `exited with code ${exitCode}`})`
      : "";
  const why = isLate ? "it did not answer initialize in time" : messageOf(error);
  return new PluginSdkError("start_failed", `the plugin did not complete the handshake: ${why}${exit}`, {
    cause: error,
  });
}
