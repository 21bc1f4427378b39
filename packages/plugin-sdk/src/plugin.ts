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

/** A plugin's handlers. All except `initialize` are needed only if its manifest offers them. */
export interface Plugin {
  /**
   * Returns the manifest. Called once, before anything else and before the handshake is answered; called again only if it
   * failed. What it throws becomes the handshake's error, so name the file and the fault.
   */
  initialize(host: Host): Promise<Manifest> | Manifest;

  /**
   * Runs one turn. What it throws before the first event fails the request; what it throws later becomes an `error` event and
   * `message_end`. `message_end` may be left to the SDK.
   */
  stream?(request: StreamRequest, context: StreamContext): Promise<void>;

  /** Changes the agent's record to match the host's. */
  mutate?(request: MutateRequest, context: CallContext): Promise<MutateReport>;

  /** Calls one of the manifest's tools. What it throws becomes a result with `isError: true`. */
  callTool?(request: ToolCall, context: CallContext): Promise<CallToolResult>;

  /** Called last, when the host is gone and nothing is running any more. */
  close?(): Promise<void> | void;
}

export interface StreamContext {
  /** Aborts when the host cancels the turn or is gone. */
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
  /** The calling agent; absent if an operator calls. */
  readonly agent_id?: string | undefined;
}

/** The host's functions for a plugin. */
export interface Host {
  /** Writes to the host's log. Never throws. */
  log(level: LogLevel, message: string, fields?: Record<string, unknown>): void;
  /** Calls one of the tools that a stream's request offered. A tool's own failure is a result with `isError: true`. */
  callTool(call: HostToolCall, options?: CallOptions): Promise<CallToolResult>;
  /** Returns the host's state of an agent. */
  readAgentState(agentId: string, options?: CallOptions): Promise<unknown>;
}
