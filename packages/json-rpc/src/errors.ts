import { CodedError, isCodedError } from "@plexum/coded-error";

/**
 * - `rpc`: the other side answered a request with an error, or a handler on this side throws one. See `RpcError`.
 * - `closed`: the connection has ended.
 * - `timed_out`: the other side did not answer a request in time.
 */
export type JsonRpcErrorCode = "rpc" | "closed" | "timed_out";

/** The base class of all errors that this package throws. */
export class JsonRpcError extends CodedError<JsonRpcErrorCode> {
  constructor(code: JsonRpcErrorCode, message: string, options?: ErrorOptions) {
    super("JsonRpcError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is JsonRpcError {
    return isCodedError(value, "JsonRpcError");
  }
}

/** The error codes that JSON-RPC defines. */
export const RPC_CODES = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** A request that was understood and failed: the first code of the range that JSON-RPC reserves for servers. */
  requestFailed: -32000,
} as const;

/** A JSON-RPC error: received as the answer to a request, or thrown by a handler to be sent as its answer. */
export class RpcError extends JsonRpcError {
  /** The error code of JSON-RPC, a number. */
  readonly rpcCode: number;
  /** Extra data that the answering side added. */
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
