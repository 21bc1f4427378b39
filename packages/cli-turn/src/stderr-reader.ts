import type { Readable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { LineSplitter } from "@plexum/jsonl";

/** How much of the end of stderr is kept as the detail of a failure. */
const TAIL_CHARACTERS = 16 * 1024;

const MAX_LINE_BYTES = 64 * 1024;

/** Reads a program's stderr: emits each line without escape sequences, for a log, and keeps the end as the detail of a failure. */
export class StderrReader {
  readonly #splitter = new LineSplitter({ maxLineBytes: MAX_LINE_BYTES });
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #isNoise: (line: string) => boolean;
  #tail = "";

  /** @param isNoise Returns whether a line says nothing about a failure. The tail leaves out such lines. */
  constructor(
    stream: Readable,
    onLine: ((line: string) => void) | undefined,
    isNoise: (line: string) => boolean = () => false,
  ) {
    this.#onLine = onLine;
    this.#isNoise = isNoise;
    stream.on("data", (chunk: Buffer) => this.#take(this.#splitter.write(chunk)));
    stream.on("error", () => {});
  }

  end(): void {
    this.#take(this.#splitter.end());
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
      this.#emit(text);
      if (this.#isNoise(text)) continue;
      this.#tail += `${text}\n`;
      if (this.#tail.length > 4 * TAIL_CHARACTERS) this.#tail = this.tail;
    }
  }

  /** Rethrows an error of the listener asynchronously: it must not keep the turn from ending. */
  #emit(line: string): void {
    try {
      this.#onLine?.(line);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
