import type { McpConnection, MessageSubject } from "../server/mcp-connection.ts";
import type { HttpReply } from "./http-reply.ts";

type RequestId = string | number;

/** A client's session over HTTP: presents its many requests to the MCP server as one connection. */
export class HttpSession implements McpConnection {
  /** The client keeps no request open for messages that belong to none. */
  readonly canPush = false;
  readonly #replies = new Map<RequestId, HttpReply>();
  #on: Parameters<McpConnection["read"]>[0] | undefined;

  get isIdle(): boolean {
    return this.#replies.size === 0;
  }

  read(on: Parameters<McpConnection["read"]>[0]): void {
    this.#on = on;
  }

  isRunning(id: RequestId): boolean {
    return this.#replies.has(id);
  }

  /** Passes on a request, which `reply` will answer. */
  request(message: { readonly id: RequestId }, reply: HttpReply): void {
    this.#replies.set(message.id, reply);
    this.#on?.value(message);
  }

  /** Passes on a message that needs no answer. */
  notify(message: object): void {
    this.#on?.value(message);
    const { method, params } = message as { method?: unknown; params?: { requestId?: RequestId } | null };
    if (method === "notifications/cancelled" && params?.requestId !== undefined) this.#endUnanswered(params.requestId);
  }

  /** Cancels the request that `reply` was to answer: its client is no longer waiting. */
  abandon(id: RequestId, reply: HttpReply): void {
    // Already answered, and the client may be using the id again.
    if (this.#replies.get(id) !== reply) return;
    const params = { requestId: id, reason: "The client closed the connection" };
    this.notify({ jsonrpc: "2.0", method: "notifications/cancelled", params });
  }

  async write(json: string, { requestId, isAnswer }: MessageSubject): Promise<void> {
    const reply = requestId === undefined ? undefined : this.#replies.get(requestId);
    if (reply === undefined || requestId === undefined) return;
    if (!isAnswer) return await reply.report(json);
    this.#replies.delete(requestId);
    await reply.answer(json);
  }

  close(): void {
    for (const [id, reply] of this.#replies) {
      // Without an answer the client would wait until its own time limit.
      const error = { code: -32000, message: "The session has ended" };
      void reply.answer(JSON.stringify({ jsonrpc: "2.0", id, error }));
    }
    this.#replies.clear();
    this.#on?.closed();
    this.#on = undefined;
  }

  #endUnanswered(id: RequestId): void {
    const reply = this.#replies.get(id);
    this.#replies.delete(id);
    reply?.endUnanswered();
  }
}
