import type { Span } from "./json-scan.ts";

/** A value in a line, and the value that is to replace it. Offsets are from the line's beginning. */
export interface Replacement {
  /** Where the old value is. */
  readonly span: Span;
  /** The new value as JSON text. */
  readonly value: string;
  /** The ids that this edit is for: more than one if they share a value. */
  readonly ids: readonly string[];
}

/** A line in which something is to be replaced. */
export interface PlannedLine {
  readonly offset: number;
  /** The line unchanged, without its newline. */
  readonly bytes: Buffer;
  replacements: Replacement[];
}

/** A piece of a file to overwrite: a value, padded with spaces to the end of the old one. */
export interface Patch {
  /** The offset of the first byte, from the file's beginning. */
  readonly offset: number;
  readonly length: number;
  readonly value: string;
}

/** A line in which at least one byte is to change. */
export interface LineChange {
  readonly offset: number;
  /** The line unchanged, without its newline. */
  readonly bytes: Buffer;
  /** The ids that this edit is for. */
  readonly ids: readonly string[];
  /** True if the line is too short for one of its new values. */
  readonly grows: boolean;
  /** How much shorter its values become, in bytes of JSON. Negative if they become longer. */
  readonly bytesFreed: number;
  /** What to write over the line. If the line grows, a patch may be shorter than its value. */
  readonly patches: readonly Patch[];
}

const SPACE = 0x20;

/** Returns the bytes of a patch. It is padded with spaces, which JSON allows after any value, so that nothing after it has to move. */
export function patchBytes(patch: Pick<Patch, "length" | "value">): Buffer {
  const bytes = Buffer.alloc(Math.max(patch.length, Buffer.byteLength(patch.value)), SPACE);
  bytes.write(patch.value, "utf8");
  return bytes;
}

/**
 * Applies the replacements to a line. A new value can use the bytes of the old one and the spaces after it, which an earlier
 * replacement of a longer value leaves. If the same value is replaced twice, the later replacement wins.
 *
 * @returns Undefined if no byte is to change.
 * @throws TypeError if two replacements overlap.
 */
export function fitLine({ bytes: line, offset, replacements }: PlannedLine): LineChange | undefined {
  const patches: Patch[] = [];
  let bytesFreed = 0;
  let grows = false;
  let fitted = 0;
  for (const { span, value } of inOrder(replacements)) {
    if (span.start < fitted || span.end > line.length)
      throw new TypeError(
        `the replacement at byte ${span.start} of the line at byte ${offset} overlaps another, or the end of the line`,
      );
    fitted = span.end;
    const bytes = Buffer.from(value);
    const old = line.subarray(span.start, span.end);
    if (old.equals(bytes)) continue;
    let roomEnd = span.end;
    while (line[roomEnd] === SPACE) roomEnd++;
    const length = roomEnd - span.start;
    bytesFreed += old.length - bytes.length;
    grows ||= bytes.length > length;
    patches.push({ offset: offset + span.start, length, value });
  }
  if (patches.length === 0) return undefined;
  const ids = [...new Set(replacements.flatMap((replacement) => replacement.ids))];
  return { offset, bytes: line, ids, grows, bytesFreed, patches };
}

/** Returns the replacements by their place in the line, each place once. */
function inOrder(replacements: readonly Replacement[]): Replacement[] {
  const byPlace = new Map(replacements.map((one) => [`${one.span.start}-${one.span.end}`, one]));
  return [...byPlace.values()].sort((a, b) => a.span.start - b.span.start);
}

/** Returns the whole new line. It has the old length, unless it grows. */
export function newLine({ bytes, offset, patches }: LineChange): Buffer {
  const pieces: Buffer[] = [];
  let copied = 0;
  for (const patch of patches) {
    const start = patch.offset - offset;
    pieces.push(bytes.subarray(copied, start), patchBytes(patch));
    copied = start + patch.length;
  }
  return Buffer.concat([...pieces, bytes.subarray(copied)]);
}
