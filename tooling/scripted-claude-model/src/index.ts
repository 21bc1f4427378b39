import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** A block of the model's answer. */
export type Block =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: object };

/** The model's answer: blocks, or an error of the API. */
export type Answer = readonly Block[] | { readonly status: number; readonly type: string; readonly message: string };

/** A request as claude sent it. */
export interface ModelRequest {
  readonly model: string;
  readonly system?: unknown;
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

const THE_END = { status: 400, type: "invalid_request_error", message: "the script is over" };

/** A Messages API on loopback. It answers each streaming request with the next entry of the script, and keeps the requests. */
export class ScriptedClaudeModel implements AsyncDisposable {
  readonly requests: ModelRequest[] = [];
  readonly #script: Answer[];
  readonly #server = createServer((request, response) => {
    readBody(request).then(
      (body) => {
        if (request.method !== "POST" || !request.url?.startsWith("/v1/messages?")) {
          response.writeHead(404).end();
          return;
        }
        this.requests.push(body as ModelRequest);
        const answer = this.#script.shift() ?? THE_END;
        if ("status" in answer) {
          const { status, ...error } = answer;
          response
            .writeHead(status, { "content-type": "application/json", "x-should-retry": "false" })
            .end(JSON.stringify({ type: "error", error }));
          return;
        }
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end(
          events(answer)
            .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
            .join(""),
        );
      },
      () => response.destroy(),
    );
  });

  private constructor(script: readonly Answer[]) {
    this.#script = [...script];
  }

  /** Appends to the script. Requests after its end are refused. */
  add(...answers: readonly Answer[]): void {
    this.#script.push(...answers);
  }

  static async start(script: readonly Answer[]): Promise<ScriptedClaudeModel> {
    const model = new ScriptedClaudeModel(script);
    model.#server.listen(0, "127.0.0.1");
    await once(model.#server, "listening");
    return model;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString() || "null");
}

function events(blocks: readonly Block[]): { readonly type: string }[] {
  const usage = { input_tokens: 7, cache_read_input_tokens: 20, cache_creation_input_tokens: 3, output_tokens: 1 };
  const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-sonnet-4-5", content: [], usage };
  const stop_reason = blocks.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn";
  return [
    { type: "message_start", message } as { type: string },
    ...blocks.flatMap((block, index) => [
      {
        type: "content_block_start",
        index,
        content_block: block.type === "text" ? { type: "text", text: "" } : { ...block, input: {} },
      },
      ...deltas(block).map((delta) => ({ type: "content_block_delta", index, delta })),
      { type: "content_block_stop", index },
    ]),
    { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 5 } } as {
      type: string;
    },
    { type: "message_stop" },
  ];
}

/** Splits text into words. */
const deltas = (block: Block): object[] =>
  block.type === "text"
    ? (block.text.match(/\S+\s*/g) ?? []).map((text) => ({ type: "text_delta", text }))
    : [{ type: "input_json_delta", partial_json: JSON.stringify(block.input) }];
