import type { Writable } from "node:stream";

/** Writes messages as lines, in order. Drops nothing while the output is open. */
export class LineWriter {
  readonly #output: Writable;
  readonly #isWellFormed: boolean;
  #drained: Promise<void> | undefined;

  /** @param options `isWellFormed`: write a lone surrogate as U+FFFD instead of as a `\ud…` escape. */
  constructor(output: Writable, options: { readonly isWellFormed: boolean }) {
    this.#output = output;
    this.#isWellFormed = options.isWellFormed;
  }

  /** False once the output has ended or failed. Later writes are discarded. */
  get isOpen(): boolean {
    return this.#output.writable;
  }

  /**
   * Writes one message.
   *
   * @returns A promise that resolves when the output can take more data, or has closed. It never rejects.
   * @throws TypeError if the message can't be serialized as JSON. Nothing is written then.
   */
  write(message: object): Promise<void> {
    const json = JSON.stringify(message);
    const line = `${this.#isWellFormed ? withoutLoneSurrogates(json) : json}\n`;
    if (!this.isOpen) return Promise.resolve();
    if (this.#output.write(line)) return this.#drained ?? Promise.resolve();
    this.#drained ??= this.#untilDrained();
    return this.#drained;
  }

  /** Resolves when everything written has reached the operating system, or the output is closed. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isOpen) this.#output.write("", () => resolve());
      else resolve();
    });
  }

  #untilDrained(): Promise<void> {
    const output = this.#output;
    return new Promise((resolve) => {
      const done = () => {
        output.off("drain", done).off("close", done);
        this.#drained = undefined;
        resolve();
      };
      output.on("drain", done).on("close", done);
    });
  }
}

/** Relies on JSON.stringify: it writes a surrogate pair as is, and only a lone surrogate as an escape. */
function withoutLoneSurrogates(json: string): string {
  if (!json.includes("\\ud")) return json;
  return json.replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, "$1\ufffd");
}
