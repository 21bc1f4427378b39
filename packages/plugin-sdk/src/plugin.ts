import type { CallContext, CallOptions } from "@plexum/json-rpc";
import type {
  CallToolResult,
  HostToolCall,
  LogLevel,
  Manifest,
  MutateReport,
  MutateRequest,
  ProviderEvent,
  StreamRequest,
} from "./wire.ts";

/** What a plugin does. Everything but `initialize` only where its manifest offers it. */
export interface Plugin {
  /**
   * Says what the plugin is. Called once, before the handshake is answered, and before anything else; again only if it
   * failed. What it throws becomes the handshake's error, so name the file and the fault.
   */
  initialize(host: Host): Promise<Manifest> | Manifest;

  /**
   * One turn. Until the first event, what it throws makes the request fail; after it, an `error` event and
   * `message_end` tell. `message_end` may be left to the SDK.
   */
  stream?(request: StreamRequest, context: StreamContext): Promise<void>;

  /** Changes the agent's record as the host changed its own. */
  mutate?(request: MutateRequest, context: CallContext): Promise<MutateReport>;

  /** Calls one of the manifest's tools. What it throws becomes a result with `isError: true`. */
  callTool?(request: ToolCall, context: CallContext): Promise<CallToolResult>;

  /** Called last, when the host is gone and nothing runs any more. */
  close?(): Promise<void> | void;
}

export interface StreamContext {
  /** Aborts when the host cancels the turn, and when it is gone. */
  readonly signal: AbortSignal;
  /**
   * Sends the turn's next event: `message_start` first, `message_end` last.
   *
   * @returns A promise that resolves when there is room for more. It never rejects, and need not be awaited.
   * @throws PluginSdkError `stream_contract` if the event is out of order.
   */
  emit(event: ProviderEvent): Promise<void>;
}

/** A call of one of the plugin's own tools. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  /** The agent that calls; absent when an operator does. */
  readonly agent_id?: string | undefined;
}

/** What a plugin can ask of its host. */
export interface Host {
  /** Writes to the host's log. Never throws. */
  log(level: LogLevel, message: string, fields?: Record<string, unknown>): void;
  /** Calls one of the tools that a stream's request offered. A tool's own failure is a result with `isError: true`. */
  callTool(call: HostToolCall, options?: CallOptions): Promise<CallToolResult>;
  readAgentState(agentId: string, options?: CallOptions): Promise<unknown>;
}
