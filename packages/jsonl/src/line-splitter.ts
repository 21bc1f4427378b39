import { ByteCollector } from "./byte-collector.ts";
import { checkedLimit, EXCERPT_BYTES, type LineLimit, NEWLINE, type SplitLine } from "./line.ts";

export interface LineSplitterOptions extends LineLimit {
  /** Offset of the first byte in the whole input. Set it to read from the middle of a file. @default 0 */
  readonly startOffset?: number;
}

/**
 * Splits bytes into lines at 0x0A and nowhere else: U+2028, U+2029, U+0085 and a carriage return are part of the line.
 *
 * Holds one unfinished line, and never more than `maxLineBytes` of it. A longer line becomes an `oversized` result, and
 * splitting continues after its newline.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  readonly #partial = new ByteCollector();
  /** Offset at which the line being collected starts. */
  #lineOffset: number;
  /** Length of the part of the current line that arrived in earlier chunks, kept or not. */
  #lineLength = 0;
  #isOversized = false;

  /** @throws RangeError if an option is not an integer in its range. */
  constructor(options: LineSplitterOptions = {}) {
    this.#maxLineBytes = checkedLimit(options);
    const { startOffset = 0 } = options;
    if (!Number.isSafeInteger(startOffset) || startOffset < 0) {
      throw new RangeError(`startOffset must be a non-negative integer, not ${startOffset}`);
    }
    this.#lineOffset = startOffset;
  }

  /** Takes the next bytes, of any length. Returns the lines they complete, in order. */
  write(chunk: Uint8Array): SplitLine[] {
    const lines: SplitLine[] = [];
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (newline === -1) break;
      lines.push(this.#end(chunk.subarray(start, newline), true));
      start = newline + 1;
    }
    if (start < chunk.length) this.#collect(start === 0 ? chunk : chunk.subarray(start));
    return lines;
  }

  /** Ends the input. Returns the last line if it has no newline. Offsets continue if more is written. */
  end(): SplitLine[] {
    return this.#lineLength === 0 ? [] : [this.#end(new Uint8Array(0), false)];
  }

  #collect(piece: Uint8Array): void {
    this.#lineLength += piece.length;
    if (!this.#isOversized && this.#lineLength > this.#maxLineBytes) {
      this.#isOversized = true;
      const kept = this.#partial.take();
      this.#partial.append(kept.subarray(0, EXCERPT_BYTES));
    }
    if (!this.#isOversized) this.#partial.append(piece);
    else if (this.#partial.length < EXCERPT_BYTES) {
      this.#partial.append(piece.subarray(0, EXCERPT_BYTES - this.#partial.length));
    }
  }

  #end(rest: Uint8Array, terminated: boolean): SplitLine {
    const isWholeInThisChunk = this.#lineLength === 0 && rest.length <= this.#maxLineBytes;
    if (!isWholeInThisChunk) this.#collect(rest);
    const offset = this.#lineOffset;
    const length = isWholeInThisChunk ? rest.length : this.#lineLength;
    const bytes = isWholeInThisChunk ? rest : this.#partial.take();
    const line: SplitLine = this.#isOversized
      ? { kind: "oversized", offset, length, head: bytes, terminated }
      : { kind: "line", offset, length, bytes, terminated };
    this.#lineOffset = offset + length + (terminated ? 1 : 0);
    this.#lineLength = 0;
    this.#isOversized = false;
    return line;
  }
}
