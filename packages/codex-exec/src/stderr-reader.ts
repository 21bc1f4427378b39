import type { Readable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { LineSplitter } from "@plexum/jsonl";

/** How much of the end of stderr is kept to tell why a turn failed. */
const TAIL_CHARACTERS = 16 * 1024;

const MAX_LINE_BYTES = 64 * 1024;

/** What codex says about reading its prompt, which is not an error (0.135.0 to 0.169.0). */
const CHATTER =
  /^(Reading (additional input|prompt) from stdin\.\.\.|WARNING: proceeding, even though we could not (update PATH|create PATH aliases))/;

/** codex's stderr: line by line for a log, and its end for a failure's detail. */
export class StderrReader {
  readonly #splitter = new LineSplitter({ maxLineBytes: MAX_LINE_BYTES });
  readonly #onLine: ((line: string) => void) | undefined;
  #tail = "";

  constructor(stream: Readable, onLine: ((line: string) => void) | undefined) {
    this.#onLine = onLine;
    stream.on("data", (chunk: Buffer) => this.#take(this.#splitter.write(chunk)));
    stream.on("error", () => {});
  }

  end(): void {
    this.#take(this.#splitter.finish());
  }

  get tail(): string {
    return this.#tail.slice(-TAIL_CHARACTERS);
  }

  #take(lines: ReturnType<LineSplitter["write"]>): void {
    for (const line of lines) {
      const bytes = line.kind === "line" ? line.bytes : line.head;
      const text = stripVTControlCharacters(
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"),
      ).trimEnd();
      this.#hand(text);
      if (CHATTER.test(text)) continue;
      this.#tail += `${text}\n`;
      if (this.#tail.length > 4 * TAIL_CHARACTERS) this.#tail = this.tail;
    }
  }

  /** What a listener throws is its program's fault, and no reason for the turn to lose its end. */
  #hand(line: string): void {
    try {
      this.#onLine?.(line);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
