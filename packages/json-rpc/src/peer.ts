import type { Readable, Writable } from "node:stream";
import { codeOf, messageOf } from "@plexum/coded-error";
import { LineSplitter, type SplitLine } from "@plexum/jsonl";
import { JsonRpcError, RPC_CODES, RpcError } from "./errors.ts";
import { LineWriter } from "./line-writer.ts";
import {
  CANCELLED,
  PROGRESS,
  type Progress,
  progressTokenOf,
  readCancelled,
  readProgress,
  withProgressToken,
} from "./mcp-calls.ts";
import { type Incoming, type RequestId, type RpcErrorObject, readMessage } from "./message.ts";

const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** What a handler receives along with its request. */
export interface CallContext {
  /** Aborts when the caller cancels the request, and when the connection ends. */
  readonly signal: AbortSignal;
  /** Reports progress to the caller. Does nothing if the caller did not ask for it. */
  progress(progress: Progress): void;
}

/** Options of a call. */
export interface CallOptions {
  /** Cancels the call, also on the other side. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface RequestOptions extends CallOptions {
  /** What to do when the signal aborts: reject at once (the default), or wait for the answer and so for the end of the work. */
  readonly onAbort?: "reject" | "wait";
  /** How long the answer may take, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

export interface PeerOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** Answers a request. If it throws, an `RpcError` is sent unchanged, anything else as an internal error. */
  onRequest(method: string, params: unknown, context: CallContext): Promise<object>;
  /** @param bytes The length of the notification's line. */
  onNotification?(method: string, params: unknown, bytes: number): void;
  /** Called for an invalid message, and for an error that has no id. The line is skipped. */
  onFault?(error: RpcError, line: SplitLine): void;
  /** The longest line accepted, in bytes. @default 67_108_864 */
  readonly maxMessageBytes?: number | undefined;
  /** @default "mcp" */
  readonly dialect?: Dialect;
}

/**
 * - `mcp`: each message has `"jsonrpc":"2.0"`, and MCP's notifications cancel requests and report progress.
 * - `plain`: messages have no `jsonrpc` key, and there is no cancellation or progress. A lone surrogate is sent as U+FFFD:
 *   some readers drop a line that has one.
 *
 * @inline
 */
export type Dialect = "mcp" | "plain";

interface Pending {
  resolve(result: unknown): void;
  reject(error: unknown): void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

interface Running {
  readonly controller: AbortController;
  readonly settled: Promise<void>;
}

/**
 * One end of a JSON-RPC 2.0 connection, one message per line. Both ends may send requests.
 *
 * A canceled request is still answered, once its handler has finished. The caller can wait for that answer, and MCP lets
 * other callers ignore it. Reading never waits for writing, because two peers that each wait for the other to read would
 * deadlock.
 */
export class Peer {
  /** Resolves when the connection ends. */
  readonly ended: Promise<void>;

  readonly #options: PeerOptions;
  readonly #isMcp: boolean;
  readonly #writer: LineWriter;
  readonly #pending = new Map<RequestId, Pending>();
  readonly #running = new Map<RequestId, Running>();
  #nextId = 0;
  #endedBecause: JsonRpcError | undefined;
  readonly #resolveEnded: () => void;

  constructor(options: PeerOptions) {
    const { input, output, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, dialect = "mcp" } = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.#options = options;
    this.#isMcp = dialect === "mcp";
    this.#writer = new LineWriter(output, { isWellFormed: !this.#isMcp });

    const splitter = new LineSplitter({ maxLineBytes: maxMessageBytes });
    input.on("data", (chunk: Uint8Array) => {
      for (const line of splitter.write(chunk)) this.#receive(readMessage(line, dialect), line);
    });
    input.on("end", () => {
      for (const line of splitter.end()) this.#receive(readMessage(line, dialect), line);
      this.#end("the other side closed its output");
    });
    input.on("error", (error) => this.#end(error.message));
    input.on("close", () => this.#end("the input stream was closed"));
    // Closing our own output does not end the connection: the other side may still send its last messages.
    output.on("error", (error) => this.#end(error.message));
  }

  /**
   * Sends a request and resolves to its result.
   *
   * @throws RpcError if the other side answers with an error; the signal's reason; JsonRpcError `closed` if the connection
   * ends, `timed_out` if the answer takes longer than `timeoutMs`.
   */
  async request(method: string, params: object, options: RequestOptions = {}): Promise<unknown> {
    const { signal, onProgress, onAbort = "reject", timeoutMs } = options;
    signal?.throwIfAborted();
    if (this.#endedBecause) throw this.#endedBecause;
    if (!this.#writer.isOpen)
      throw new JsonRpcError("closed", "the connection has ended: the output stream was closed");
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const cancel = () => {
      if (this.#isMcp) void this.notify(CANCELLED, { requestId: id, reason: messageOf(signal?.reason) });
      if (onAbort === "reject") reject(signal?.reason);
    };
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => reject(new JsonRpcError("timed_out", `${method} got no answer within ${timeoutMs} ms`)),
            timeoutMs,
          );
    try {
      this.#pending.set(id, { resolve, reject, onProgress });
      signal?.addEventListener("abort", cancel, { once: true });
      void this.#send({
        id,
        method,
        params: onProgress ? withProgressToken(params, id) : params,
      });
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
      this.#pending.delete(id);
    }
  }

  /**
   * Sends a notification.
   *
   * @returns A promise that resolves when the output can take more data, or has closed. It never rejects.
   * @throws TypeError if the params can't be serialized as JSON.
   */
  notify(method: string, params: object): Promise<void> {
    return this.#send({ method, params });
  }

  /** Aborts all requests that are being handled. Resolves when their handlers have finished and their answers are written. */
  async settle(reason: string): Promise<void> {
    this.#abortRunning(reason);
    await Promise.all([...this.#running.values()].map(({ settled }) => settled));
    await this.#writer.flush();
  }

  #send(message: object): Promise<void> {
    return this.#writer.write(this.#isMcp ? { jsonrpc: "2.0", ...message } : message);
  }

  #receive(message: Incoming, line: SplitLine): void {
    switch (message.kind) {
      case "request":
        this.#startHandling(message.id, message.method, message.params);
        break;
      case "notification":
        this.#receiveNotification(message.method, message.params, line.length);
        break;
      case "response":
        this.#pending.get(message.id)?.resolve(message.result);
        break;
      case "failure":
        if (message.id === null) this.#options.onFault?.(message.error, line);
        else this.#pending.get(message.id)?.reject(message.error);
        break;
      case "invalid":
        this.#options.onFault?.(message.error, line);
        // MCP expects an answer even without an id. In the plain dialect nobody could use it.
        if (this.#isMcp || message.id !== null) this.#answerError(message.id, message.error);
        break;
    }
  }

  #receiveNotification(method: string, params: unknown, bytes: number): void {
    if (this.#isMcp && method === CANCELLED) {
      const cancelled = readCancelled(params);
      if (cancelled === undefined) return;
      this.#running.get(cancelled.requestId)?.controller.abort(abortError(cancelled.reason));
    } else if (this.#isMcp && method === PROGRESS) {
      const report = readProgress(params);
      if (report === undefined) return;
      this.#pending.get(report.progressToken)?.onProgress?.(report.progress);
    } else {
      this.#options.onNotification?.(method, params, bytes);
    }
  }

  #startHandling(id: RequestId, method: string, params: unknown): void {
    if (this.#running.has(id)) {
      this.#answerError(id, new RpcError(RPC_CODES.invalidRequest, `id: ${JSON.stringify(id)} is in use`));
      return;
    }
    const controller = new AbortController();
    const settled = this.#handle(id, method, params, controller.signal).finally(() => this.#running.delete(id));
    this.#running.set(id, { controller, settled });
  }

  async #handle(id: RequestId, method: string, params: unknown, signal: AbortSignal): Promise<void> {
    const token = progressTokenOf(params);
    const progress = (progress: Progress) => {
      if (token !== undefined && !signal.aborted) void this.notify(PROGRESS, { progressToken: token, ...progress });
    };
    try {
      const result = await this.#options.onRequest(method, params, { signal, progress });
      void this.#send({ id, result });
    } catch (error) {
      this.#answerError(id, error);
    }
  }

  #answerError(id: RequestId | null, thrown: unknown): void {
    const { rpcCode, message, data } = RpcError.isInstance(thrown)
      ? thrown
      : { rpcCode: RPC_CODES.internalError, message: messageOf(thrown), data: { code: codeOf(thrown) } };
    const answer = (error: RpcErrorObject) => void this.#send({ id, error });
    try {
      answer({ code: rpcCode, message, data });
    } catch {
      answer({ code: rpcCode, message });
    }
  }

  #end(why: string): void {
    if (this.#endedBecause) return;
    this.#endedBecause = new JsonRpcError("closed", `the connection has ended: ${why}`);
    for (const { reject } of this.#pending.values()) reject(this.#endedBecause);
    this.#abortRunning(this.#endedBecause.message);
    this.#resolveEnded();
  }

  #abortRunning(reason: string): void {
    for (const { controller } of this.#running.values()) controller.abort(abortError(reason));
  }
}

function abortError(reason: string): DOMException {
  return new DOMException(reason, "AbortError");
}
