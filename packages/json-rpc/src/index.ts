export { JsonRpcError, type JsonRpcErrorCode, RPC_CODES, RpcError } from "./errors.ts";
export type { Progress } from "./mcp-calls.ts";
export type { RequestId } from "./message.ts";
export { type CallContext, type CallOptions, Peer, type PeerOptions, type RequestOptions } from "./peer.ts";
