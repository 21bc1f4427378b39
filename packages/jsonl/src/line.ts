/** One line, without its newline. */
export interface Line {
  readonly kind: "line";
  /** Position of the line's first byte, counted from the start of the input. */
  readonly offset: number;
  /** Length in bytes, without the newline. */
  readonly length: number;
  /**
   * The line's bytes: a view, not a copy. It shares memory with the chunk it came from, so copy it
   * (`new Uint8Array(bytes)`; the `slice` of Node's buffers copies nothing) to keep it for longer than the chunk may live.
   */
  readonly bytes: Uint8Array;
  /** False only for a last line that the input ends without a newline: perhaps torn, perhaps still being written. */
  readonly terminated: boolean;
}

/** A line longer than the cap. Its bytes were let go as they came; the next line is read as usual. */
export interface OversizedLine {
  readonly kind: "oversized";
  /** Position of the line's first byte, counted from the start of the input. */
  readonly offset: number;
  /** Full length in bytes, without the newline. */
  readonly length: number;
  /** The line's first bytes (at most `EXCERPT_BYTES`), to tell what it was. */
  readonly head: Uint8Array;
  readonly terminated: boolean;
}

export type SplitLine = Line | OversizedLine;

export interface LineLimit {
  /** The longest line kept whole, in bytes without its newline. Default 32 MiB. */
  readonly maxLineBytes?: number;
}

export const DEFAULT_MAX_LINE_BYTES = 32 * 1024 * 1024;

/** How much of an oversized line is kept. */
export const EXCERPT_BYTES = 1024;

export const NEWLINE = 0x0a;

export function checkedLimit(limit: LineLimit): number {
  const { maxLineBytes = DEFAULT_MAX_LINE_BYTES } = limit;
  if (!Number.isInteger(maxLineBytes) || maxLineBytes < 1) {
    throw new RangeError(`maxLineBytes must be a positive whole number of bytes, not ${maxLineBytes}`);
  }
  return maxLineBytes;
}
