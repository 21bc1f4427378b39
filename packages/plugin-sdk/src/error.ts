const BRAND = Symbol.for("@plexum/plugin-sdk/PluginSdkError");

/**
 * - `rpc`: the other side answered a request with an error, or a handler here wants to. See `RpcError`.
 * - `closed`: the connection to the other side is gone.
 * - `start_failed`: the plugin could not be started, or did not complete the handshake.
 * - `protocol_violation`: the other side sent what the protocol does not allow.
 * - `stream_contract`: a plugin emitted events in an order that the protocol does not allow.
 * - `event_overflow`: a host left too many events of a stream unread.
 * - `shutdown_timeout`: a plugin's handlers did not end when told to.
 */
export type PluginSdkErrorCode =
  | "rpc"
  | "closed"
  | "start_failed"
  | "protocol_violation"
  | "stream_contract"
  | "event_overflow"
  | "shutdown_timeout";

/** Every error that this package throws of its own accord. */
export class PluginSdkError extends Error {
  readonly code: PluginSdkErrorCode;

  constructor(code: PluginSdkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PluginSdkError";
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Recognises the errors of another installed copy of this package too. */
  static isInstance(value: unknown): value is PluginSdkError {
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

/** JSON-RPC's own numbers. */
export const RPC_CODES = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** The first of the range that is left to servers: a request that was understood and failed. */
  requestFailed: -32000,
} as const;

/** A JSON-RPC error: what a request was answered with, or what a handler throws to answer with it. */
export class RpcError extends PluginSdkError {
  /** JSON-RPC's number. */
  readonly rpcCode: number;
  /** Whatever the answering side added; for a failed stream `{ code }` with the cause's own code. */
  readonly data: unknown;

  constructor(rpcCode: number, message: string, options: ErrorOptions & { readonly data?: unknown } = {}) {
    super("rpc", message, options);
    this.name = "RpcError";
    this.rpcCode = rpcCode;
    this.data = options.data;
  }

  static override isInstance(value: unknown): value is RpcError {
    return PluginSdkError.isInstance(value) && value.code === "rpc";
  }
}

/** An error's message, whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` that Node's errors and those of these packages carry, where it is a word. */
export function codeOf(thrown: unknown): string | undefined {
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : undefined;
}
