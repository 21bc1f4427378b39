import { CodedError, isCodedError } from "@plexum/coded-error";

/**
 * - `rpc`: the other side answered a request with an error, or a handler here wants to. See `RpcError`.
 * - `closed`: the connection to the other side is gone.
 * - `timed_out`: the other side did not answer a request in time.
 */
export type JsonRpcErrorCode = "rpc" | "closed" | "timed_out";

/** Every error that this package throws on its own. */
export class JsonRpcError extends CodedError<JsonRpcErrorCode> {
  constructor(code: JsonRpcErrorCode, message: string, options?: ErrorOptions) {
    super("JsonRpcError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is JsonRpcError {
    return isCodedError(value, "JsonRpcError");
  }
}

/** The error numbers that JSON-RPC defines. */
export const RPC_CODES = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** The first of the range that is left to servers: a request that was understood and failed. */
  requestFailed: -32000,
} as const;

/** A JSON-RPC error: the answer to a request, or what a handler throws to answer with it. */
export class RpcError extends JsonRpcError {
  /** JSON-RPC's number. */
  readonly rpcCode: number;
  /** Whatever the answering side added. */
  readonly data: unknown;

  constructor(rpcCode: number, message: string, options: ErrorOptions & { readonly data?: unknown } = {}) {
    super("rpc", message, options);
    this.name = "RpcError";
    this.rpcCode = rpcCode;
    this.data = options.data;
  }

  static override isInstance(value: unknown): value is RpcError {
    return JsonRpcError.isInstance(value) && value.code === "rpc";
  }
}
