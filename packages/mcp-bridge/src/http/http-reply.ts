import type { ServerResponse } from "node:http";

export interface HttpReplyOptions {
  /** Whether the client also accepts a stream of messages. */
  readonly mayStream: boolean;
  readonly headers?: Record<string, string>;
  /** How long to wait without an answer before the stream begins, and between keep-alive lines, in milliseconds. @default 10_000 */
  readonly silenceMs?: number;
}

/**
 * The response to one request of a client: one JSON message if the answer comes soon, else a stream of events.
 *
 * Both forms are needed. codex takes time quadratic in the length of an event, and linear in that of a JSON body (20 MB:
 * 2.4 s and 0.9 s in 0.135, 1.2 s and 0.8 s in 0.169). HTTP clients give up on a response without a head (Node's `fetch`
 * after 5 minutes), and only a stream can carry progress.
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

  /** Sends a message that precedes the answer; without a stream it is dropped. */
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

  /** Ends the response to a request that its client has cancelled, without an answer. */
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

/** JSON contains no line break that could end the event early. */
const eventOf = (json: string) => `event: message\ndata: ${json}\n\n`;
