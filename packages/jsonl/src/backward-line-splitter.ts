import { checkedLimit, EXCERPT_BYTES, type LineLimit, NEWLINE, type SplitLine } from "./line.ts";

/**
 * Splits bytes into lines from the end: takes an input's chunks from the last to the first, and returns its lines in the
 * same order. An input that ends with a newline has no empty line after it.
 */
export class BackwardLineSplitter {
  readonly #maxLineBytes: number;
  /** Pieces of the line being collected, last piece first. */
  #pieces: Uint8Array[] = [];
  #lineLength = 0;
  #isOversized = false;
  #terminated = false;
  /** Offset at which the most recent chunk starts. */
  #position: number;

  /**
   * @param end The input's length in bytes.
   * @throws RangeError if `end` or an option is not an integer in its range.
   */
  constructor(end: number, options: LineLimit = {}) {
    if (!Number.isSafeInteger(end) || end < 0) throw new RangeError(`end must be a non-negative integer, not ${end}`);
    this.#maxLineBytes = checkedLimit(options);
    this.#position = end;
  }

  /** Takes the bytes that precede the previous chunk. Returns the lines that start in them, last line first. */
  write(chunk: Uint8Array): SplitLine[] {
    const lines: SplitLine[] = [];
    this.#position -= chunk.length;
    let end = chunk.length;
    for (;;) {
      const newline = end === 0 ? -1 : chunk.lastIndexOf(NEWLINE, end - 1);
      if (newline === -1) break;
      this.#collect(chunk.subarray(newline + 1, end));
      if (this.#terminated || this.#lineLength > 0) lines.push(this.#take(this.#position + newline + 1));
      this.#terminated = true;
      end = newline;
    }
    this.#collect(chunk.subarray(0, end));
    return lines;
  }

  /** Ends the input. Returns its first line, unless the input was empty. */
  end(): SplitLine[] {
    return this.#terminated || this.#lineLength > 0 ? [this.#take(this.#position)] : [];
  }

  #collect(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#lineLength += piece.length;
    this.#isOversized ||= this.#lineLength > this.#maxLineBytes;
    this.#pieces.push(piece);
    // Only the beginning of an oversized line is kept, and it arrives last: keep what may still be part of it.
    if (this.#isOversized)
      this.#pieces = [new Uint8Array(Buffer.concat(this.#pieces.reverse()).subarray(0, EXCERPT_BYTES))];
  }

  #take(offset: number): SplitLine {
    const pieces = this.#pieces;
    const bytes = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces.reverse());
    const length = this.#lineLength;
    const terminated = this.#terminated;
    const line: SplitLine = this.#isOversized
      ? { kind: "oversized", offset, length, head: bytes.subarray(0, EXCERPT_BYTES), terminated }
      : { kind: "line", offset, length, bytes, terminated };
    this.#pieces = [];
    this.#lineLength = 0;
    this.#isOversized = false;
    this.#terminated = false;
    return line;
  }
}
