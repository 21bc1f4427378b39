import { checkedLimit, EXCERPT_BYTES, type LineLimit, NEWLINE, type SplitLine } from "./line.ts";

/**
 * The mirror of `LineSplitter`: takes an input's chunks from the last to the first, and returns its lines from the last
 * to the first. What stands behind the last newline is a line only if it has bytes.
 */
export class BackwardLineSplitter {
  readonly #maxLineBytes: number;
  /** Pieces of the line being collected, the last of them first. */
  #pieces: Uint8Array[] = [];
  #lineLength = 0;
  #isOversized = false;
  #terminated = false;
  /** Where the chunk written last begins. */
  #position: number;

  /**
   * @param end Where the input ends: its length in bytes.
   * @throws RangeError if `end` or an option is not a whole number in its range.
   */
  constructor(end: number, options: LineLimit = {}) {
    if (!Number.isSafeInteger(end) || end < 0)
      throw new RangeError(`end must be a whole number of bytes from 0, not ${end}`);
    this.#maxLineBytes = checkedLimit(options);
    this.#position = end;
  }

  /** Takes the bytes that stand right before those written last; returns the lines whose beginning they show, last first. */
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

  /** Ends the input at its first byte: returns the first line, if the input had any. */
  end(): SplitLine[] {
    return this.#terminated || this.#lineLength > 0 ? [this.#take(this.#position)] : [];
  }

  #collect(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#lineLength += piece.length;
    this.#isOversized ||= this.#lineLength > this.#maxLineBytes;
    this.#pieces.push(piece);
    // Of an oversized line only the beginning is wanted, which comes last: keep no more than could still belong to it.
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
