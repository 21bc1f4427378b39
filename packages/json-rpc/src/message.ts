import { messageOf } from "@plexum/coded-error";
import type { SplitLine } from "@plexum/jsonl";
import { RPC_CODES, RpcError } from "./errors.ts";
import type { Dialect } from "./peer.ts";

export type RequestId = string | number;

export interface RpcErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** What one line contains. `invalid` should be answered with its error, `blank` should be ignored. */
export type Incoming =
  | { readonly kind: "request"; readonly id: RequestId; readonly method: string; readonly params: unknown }
  | { readonly kind: "notification"; readonly method: string; readonly params: unknown }
  | { readonly kind: "response"; readonly id: RequestId; readonly result: unknown }
  | { readonly kind: "failure"; readonly id: RequestId | null; readonly error: RpcError }
  | { readonly kind: "invalid"; readonly id: RequestId | null; readonly error: RpcError }
  | { readonly kind: "blank" };

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Reads one line as a JSON-RPC 2.0 message. Never throws. */
export function readMessage(line: SplitLine, dialect: Dialect): Incoming {
  if (line.kind === "oversized") return readOversized(line.head, line.length);
  let value: unknown;
  try {
    const text = decoder.decode(line.bytes);
    if (text.trim() === "") return { kind: "blank" };
    value = JSON.parse(text);
  } catch (error) {
    return invalid(null, RPC_CODES.parseError, `a line is not valid JSON in UTF-8: ${messageOf(error)}`);
  }
  return classify(value, dialect);
}

function classify(value: unknown, dialect: Dialect): Incoming {
  if (Array.isArray(value)) {
    return invalid(null, RPC_CODES.invalidRequest, "batches are not supported: send one message per line");
  }
  if (typeof value !== "object" || value === null) {
    return invalid(null, RPC_CODES.invalidRequest, "a message must be a JSON object");
  }
  const { jsonrpc, id, method, params, result, error } = value as Record<string, unknown>;
  const knownId = isRequestId(id) ? id : null;
  if (dialect === "mcp" && jsonrpc !== "2.0")
    return invalid(knownId, RPC_CODES.invalidRequest, 'jsonrpc: expected "2.0"');
  if (typeof method === "string") {
    if (id === undefined) return { kind: "notification", method, params };
    if (knownId !== null) return { kind: "request", id: knownId, method, params };
    return invalid(null, RPC_CODES.invalidRequest, "id: expected string or number");
  }
  if (method === undefined && isErrorObject(error)) {
    return { kind: "failure", id: knownId, error: new RpcError(error.code, error.message, { data: error.data }) };
  }
  if (method === undefined && knownId !== null && result !== undefined) {
    return { kind: "response", id: knownId, result };
  }
  const fault = new RpcError(RPC_CODES.invalidRequest, "a message must have a method, a result or an error");
  // A damaged answer is not answered: its id is one of ours, and the other side would read it as one of theirs.
  const isAnswer = method === undefined && (result !== undefined || error !== undefined);
  return { kind: isAnswer ? "failure" : "invalid", id: knownId, error: fault };
}

function isRequestId(id: unknown): id is RequestId {
  return typeof id === "string" || typeof id === "number";
}

function isErrorObject(error: unknown): error is RpcErrorObject {
  if (typeof error !== "object" || error === null) return false;
  const { code, message } = error as Record<string, unknown>;
  return typeof code === "number" && typeof message === "string";
}

/** The usual beginning of a message, which shows its id and its kind. */
const BEGINNING =
  /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(-?\d+|"[^"\\]*")\s*,\s*"(method|result|error)"/;

/** Reads the head of a line over the limit, which nearly always shows which request the line belongs to. */
function readOversized(head: Uint8Array, length: number): Incoming {
  const message = `a line of ${length} bytes is over the limit for one message`;
  const [, idText, kind] = BEGINNING.exec(Buffer.from(head).toString("latin1")) ?? [];
  const id = idText === undefined ? null : idIn(idText);
  if (id === null || kind === "method") return invalid(id, RPC_CODES.invalidRequest, message);
  return { kind: "failure", id, error: new RpcError(RPC_CODES.invalidRequest, message) };
}

/**
 * Returns null for text that looks like an id but is not JSON, such as `01`.
 * @param bytes The text in Latin-1, one character per byte.
 */
function idIn(bytes: string): RequestId | null {
  try {
    return JSON.parse(decoder.decode(Buffer.from(bytes, "latin1"))) as RequestId;
  } catch {
    return null;
  }
}

function invalid(id: RequestId | null, code: number, message: string): Incoming {
  return { kind: "invalid", id, error: new RpcError(code, message) };
}
