import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import * as zlib from "node:zlib";
import { ModelRequest } from "./model-request.ts";
import { messageItem, type OutputItem, type Reply, type StreamedMessage, say } from "./replies.ts";

/** Replies in order, or a function from a request to a reply. When a list is used up, the reply says so. */
export type Script = readonly Reply[] | ((request: ModelRequest) => Reply | Promise<Reply>);

/** A model server on loopback with the part of the OpenAI Responses API that codex needs (seen with codex 0.100 to 0.169). */
export class ScriptedModel implements AsyncDisposable {
  /** Every request so far, oldest first. */
  readonly requests: ModelRequest[] = [];
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch((error) => response.destroy(error));
  });
  #script: Script;
  #played = 0;

  private constructor(script: Script) {
    this.#script = script;
  }

  static async start(script: Script = []): Promise<ScriptedModel> {
    const model = new ScriptedModel(script);
    model.#server.listen(0, "127.0.0.1");
    await once(model.#server, "listening");
    model.#server.unref();
    return model;
  }

  /** For `model_providers.<id>.base_url`. */
  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  get lastRequest(): ModelRequest {
    const last = this.requests.at(-1);
    if (last === undefined) throw new Error("no request has reached the model yet");
    return last;
  }

  /** Replaces the script for later requests. */
  play(script: Script): void {
    this.#script = script;
    this.#played = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, "close");
  }

  async #serve(http: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(http);
    if (http.method !== "POST" || !http.url?.endsWith("/responses")) {
      response.writeHead(404).end();
      return;
    }
    const request = new ModelRequest(
      this.requests.length,
      http.headers,
      JSON.parse(decode(body, http.headers["content-encoding"]).toString()),
    );
    this.requests.push(request);
    await send(response, await this.#reply(request), request);
  }

  #reply(request: ModelRequest): Reply | Promise<Reply> {
    if (typeof this.#script === "function") return this.#script(request);
    return this.#script[this.#played++] ?? say("(the script is over)");
  }
}

async function send(response: ServerResponse, reply: Reply, request: ModelRequest): Promise<void> {
  if (reply.kind === "http-error") {
    response.writeHead(reply.status, { "content-type": "application/json", ...reply.headers }).end(reply.body);
    return;
  }
  const id = `resp_${request.index}`;
  const event = (type: string, fields: object) =>
    response.write(`event: ${type}\n${dataLines({ type, ...fields })}\n\n`);
  response.writeHead(200, { "content-type": "text/event-stream" });
  event("response.created", { response: { id } });
  if (reply.kind === "hang") return;
  if (reply.kind === "raw") response.write(reply.text);
  if (reply.kind === "raw" && reply.ending === "end") {
    response.end();
    return;
  }
  if (reply.kind === "drop" || reply.kind === "raw") {
    // The beginning must be sent before the connection breaks, or codex sees no answer at all.
    await delay(20);
    response.destroy();
    return;
  }
  if (reply.delayMs) await delay(reply.delayMs);
  for (const [index, item] of reply.items.entries()) {
    if (isStreamed(item)) await stream(item, index, event);
    else event("response.output_item.done", { item: asOffered(item, request) });
  }
  const { input, cached = 0, output, reasoning = 0 } = reply.usage;
  event("response.completed", {
    response: {
      id,
      usage: {
        input_tokens: input,
        input_tokens_details: { cached_tokens: cached },
        output_tokens: output,
        output_tokens_details: { reasoning_tokens: reasoning },
        total_tokens: input + output,
      },
    },
  });
  response.end();
}

const isStreamed = (item: OutputItem | StreamedMessage): item is StreamedMessage => item.type === "streamed_message";

async function stream(
  message: StreamedMessage,
  outputIndex: number,
  event: (type: string, fields: object) => void,
): Promise<void> {
  const { id, pieces, gapMs, completed, isAnnounced, phase, onPiece } = message;
  const place = { item_id: id, output_index: outputIndex, content_index: 0 };
  if (isAnnounced) {
    event("response.output_item.added", {
      output_index: outputIndex,
      item: { ...messageItem(id, "", phase), content: [] },
    });
  }
  for (const [index, delta] of pieces.entries()) {
    if (index > 0 && gapMs > 0) await delay(gapMs);
    onPiece?.(index);
    event("response.output_text.delta", { ...place, delta });
  }
  event("response.output_item.done", { output_index: outputIndex, item: messageItem(id, completed, phase) });
}

/** A model calls a tool as it was offered: code mode's `exec` is in a namespace from 0.147 on. */
const asOffered = (item: OutputItem, { toolNames }: ModelRequest): OutputItem =>
  item.type === "custom_tool_call" && toolNames.includes(`functions.${item.name}`)
    ? { namespace: "functions", ...item }
    : item;

/**
 * Returns one line for each part of the value: codex takes time quadratic in the length of a line (0.135.0, 0.169.0). Only
 * "\n" ends a line: a text may contain U+2028 and U+2029, which JSON does not escape.
 */
const dataLines = (value: object) => JSON.stringify(value, null, 1).replace(/^|\n/g, "$&data: ");

function decode(body: Buffer, encoding: string | undefined): Buffer {
  if (encoding === "zstd") return zlib.zstdDecompressSync(body);
  if (encoding === "gzip") return zlib.gunzipSync(body);
  return body;
}
