import type { ServerResponse } from "node:http";

/** What one request of a client is answered with: one JSON message, or a stream of them. */
export class HttpReply {
  readonly #response: ServerResponse;
  readonly #isStream: boolean;

  constructor(response: ServerResponse, kind: "json" | "stream", headers: Record<string, string> = {}) {
    this.#response = response;
    this.#isStream = kind === "stream";
    response.statusCode = 200;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.setHeader("content-type", this.#isStream ? "text/event-stream" : "application/json");
    // The client learns at once that the request has arrived.
    if (this.#isStream) response.flushHeaders();
  }

  /** Sends a message that comes before the answer; without a stream there is no place for it. */
  async report(json: string): Promise<void> {
    if (this.#isStream) await this.#write(eventOf(json));
  }

  async answer(json: string): Promise<void> {
    await this.#write(this.#isStream ? eventOf(json) : json);
    this.#response.end();
  }

  /** Ends the response to a request that its client has cancelled: it gets no answer. */
  endUnanswered(): void {
    if (!this.#response.headersSent) {
      this.#response.removeHeader("content-type");
      this.#response.statusCode = 202;
    }
    this.#response.end();
  }

  /** Resolves when the kernel has the bytes, or the connection is gone. */
  #write(text: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.#response.destroyed) resolve();
      else this.#response.write(text, () => resolve());
    });
  }
}

/** JSON has no line break that could end the event early. */
const eventOf = (json: string) => `event: message\ndata: ${json}\n\n`;
