import type { Writable } from "node:stream";

/** Writes messages as lines, in order. Nothing is ever dropped while the output stands. */
export class LineWriter {
  readonly #output: Writable;
  readonly #isWellFormed: boolean;
  #room: Promise<void> | undefined;

  /** @param options `isWellFormed`: half a surrogate pair is written as U+FFFD, and not as an escape for half a character. */
  constructor(output: Writable, options: { readonly isWellFormed: boolean }) {
    this.#output = output;
    this.#isWellFormed = options.isWellFormed;
  }

  /** False once the output has ended or failed: what is written then goes nowhere. */
  get isOpen(): boolean {
    return this.#output.writable;
  }

  /**
   * @returns A promise that resolves when the output has room for more, or is gone. It never rejects.
   * @throws TypeError if the message can't be expressed in JSON; then nothing was written.
   */
  write(message: object): Promise<void> {
    const json = JSON.stringify(message);
    const line = `${this.#isWellFormed ? withoutHalfPairs(json) : json}\n`;
    if (!this.isOpen) return Promise.resolve();
    if (this.#output.write(line)) return this.#room ?? Promise.resolve();
    this.#room ??= this.#untilRoom();
    return this.#room;
  }

  /** Resolves when all that was written is handed to the operating system, or the output is gone. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isOpen) this.#output.write("", () => resolve());
      else resolve();
    });
  }

  #untilRoom(): Promise<void> {
    const output = this.#output;
    return new Promise((resolve) => {
      const done = () => {
        output.off("drain", done).off("close", done);
        this.#room = undefined;
        resolve();
      };
      output.on("drain", done).on("close", done);
    });
  }
}

/** JSON.stringify writes whole pairs as they are, and only half of one as an escape. */
function withoutHalfPairs(json: string): string {
  if (!json.includes("\\ud")) return json;
  return json.replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, "$1\ufffd");
}
