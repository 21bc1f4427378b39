import type { Socket } from "node:net";
import { LineSplitter } from "@plexum/jsonl";
import type { McpConnection } from "../server/mcp-connection.ts";

/** JSON over a socket, one value a line. */
export class JsonSocket implements McpConnection {
  readonly canPush = true;
  readonly #socket: Socket;
  readonly #maxMessageBytes: number;

  constructor(socket: Socket, maxMessageBytes: number) {
    this.#socket = socket;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Reads until the peer closes its side, which ends the connection. Call it once. */
  read(on: { value(value: unknown): void; fault(message: string): void; closed(): void }): void {
    const socket = this.#socket;
    const splitter = new LineSplitter({ maxLineBytes: this.#maxMessageBytes });
    socket.on("data", (chunk) => {
      for (const line of splitter.write(chunk)) {
        if (line.kind === "oversized") {
          on.fault(`a message of ${line.length} bytes is over the limit of ${this.#maxMessageBytes}`);
          continue;
        }
        let value: unknown;
        try {
          value = JSON.parse(Buffer.from(line.bytes.buffer, line.bytes.byteOffset, line.bytes.byteLength).toString());
        } catch {
          if (line.length > 0) on.fault("a line is not JSON");
          continue;
        }
        on.value(value);
      }
    });
    socket.on("end", () => socket.destroy());
    socket.on("close", on.closed);
    socket.resume();
  }

  /** Resolves when the kernel has the bytes, or the connection is gone. */
  write(json: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) resolve();
      else this.#socket.write(`${json}\n`, () => resolve());
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
