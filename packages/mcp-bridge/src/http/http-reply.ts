import type { ServerResponse } from "node:http";

export interface HttpReplyOptions {
  /** The client reads a stream of messages too. */
  readonly mayStream: boolean;
  readonly headers?: Record<string, string>;
  /** After how long without an answer the stream begins, and a sign of life follows the last, in milliseconds. Default 10 s. */
  readonly silenceMs?: number;
}

/**
 * The response to one request of a client: one JSON message if the answer comes soon, else a stream of events.
 *
 * Each form has its reason. codex takes time quadratic in the length of an event, and linear in that of a JSON body (20 MB:
 * 2.4 s and 0.9 s in 0.135, 1.2 s and 0.8 s in 0.169). HTTP clients give up on a response without a head (Node's `fetch`
 * after 5 minutes), and progress has a place only in a stream.
 */
export class HttpReply {
  readonly #response: ServerResponse;
  readonly #mayStream: boolean;
  readonly #timer: NodeJS.Timeout | undefined;
  #isStream = false;

  constructor(response: ServerResponse, { mayStream, headers = {}, silenceMs = 10_000 }: HttpReplyOptions) {
    this.#response = response;
    this.#mayStream = mayStream;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (!mayStream) return;
    this.#timer = setInterval(() => this.#event(":\n\n"), silenceMs);
    response.once("close", () => clearInterval(this.#timer));
  }

  /** Sends a message that comes before the answer; without a stream there is no place for it. */
  async report(json: string): Promise<void> {
    if (this.#mayStream) await this.#event(eventOf(json));
  }

  async answer(json: string): Promise<void> {
    clearInterval(this.#timer);
    if (this.#response.destroyed) return;
    const sent = new Promise((resolve) => this.#response.once("close", resolve));
    if (!this.#isStream) this.#response.setHeader("content-type", "application/json");
    this.#response.end(this.#isStream ? eventOf(json) : json);
    await sent;
  }

  /** Ends the response to a request that its client has cancelled: it gets no answer. */
  endUnanswered(): void {
    clearInterval(this.#timer);
    if (!this.#isStream) this.#response.statusCode = 202;
    this.#response.end();
  }

  /** Resolves when the kernel has the bytes, or the connection is gone. */
  #event(text: string): Promise<void> {
    if (!this.#isStream) this.#response.setHeader("content-type", "text/event-stream");
    this.#isStream = true;
    this.#timer?.refresh();
    return new Promise((resolve) => {
      if (this.#response.destroyed) resolve();
      else this.#response.write(text, () => resolve());
    });
  }
}

/** JSON has no line break that could end the event early. */
const eventOf = (json: string) => `event: message\ndata: ${json}\n\n`;
