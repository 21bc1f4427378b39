/** One line, without its newline. */
export interface Line {
  readonly kind: "line";
  /** Offset of the line's first byte from the start of the input. */
  readonly offset: number;
  /** Length in bytes, without the newline. */
  readonly length: number;
  /**
   * The line's bytes. This is a view that shares memory with the chunk. Copy it to keep it longer than the chunk, with
   * `new Uint8Array(bytes)`: the `slice` of Node's buffers does not copy.
   */
  readonly bytes: Uint8Array;
  /** False only for a last line without a newline, which may be torn or still being written. */
  readonly terminated: boolean;
}

/** A line longer than `maxLineBytes`. Only its beginning is kept. Reading continues with the next line. */
export interface OversizedLine {
  readonly kind: "oversized";
  /** Offset of the line's first byte from the start of the input. */
  readonly offset: number;
  /** Full length in bytes, without the newline. */
  readonly length: number;
  /** The line's first bytes, at most `EXCERPT_BYTES`, to help identify it. */
  readonly head: Uint8Array;
  readonly terminated: boolean;
}

export type SplitLine = Line | OversizedLine;

export interface LineLimit {
  /** The longest line kept whole, in bytes without its newline. @default 33_554_432 */
  readonly maxLineBytes?: number;
}

export const DEFAULT_MAX_LINE_BYTES = 32 * 1024 * 1024;

/** How many bytes of an oversized line are kept. */
export const EXCERPT_BYTES = 1024;

export const NEWLINE = 0x0a;

/** @throws RangeError if `maxLineBytes` is not a positive integer. */
export function checkedLimit(limit: LineLimit): number {
  const { maxLineBytes = DEFAULT_MAX_LINE_BYTES } = limit;
  if (!Number.isInteger(maxLineBytes) || maxLineBytes < 1) {
    throw new RangeError(`maxLineBytes must be a positive integer, not ${maxLineBytes}`);
  }
  return maxLineBytes;
}
