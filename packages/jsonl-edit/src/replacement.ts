import type { Span } from "./json-scan.ts";

/** A value of one line that shall become another. Offsets are from the line's beginning. */
export interface Replacement {
  /** The value as it stands. */
  readonly span: Span;
  /** The new value as JSON text. */
  readonly value: string;
  /** The calls whose edit it is: more than one where a script joined their results in one text. */
  readonly callIds: readonly string[];
}

/** A line that something is to be replaced in. */
export interface PlannedLine {
  readonly offset: number;
  /** As it stands, without its newline. */
  readonly bytes: Buffer;
  replacements: Replacement[];
}

/** A piece of a file to be overwritten: a value, and spaces to the end of the old one. */
export interface Patch {
  /** Of the first byte, from the file's beginning. */
  readonly offset: number;
  readonly length: number;
  readonly value: string;
}

export interface FittedLine {
  /** False if the line is too short for one of its new values. */
  readonly fits: boolean;
  /** What to write over the line, if it fits. */
  readonly patches: Patch[];
  /** The whole new line: of the old length if it fits. */
  readonly line: Buffer;
  /** By how much shorter the values are. */
  readonly bytesFreed: number;
}

const SPACE = 0x20;

/** The bytes of a patch: JSON allows whitespace behind any value, so that nothing behind it has to move. */
export function patchBytes(patch: Pick<Patch, "length" | "value">): Buffer {
  const bytes = Buffer.alloc(patch.length, SPACE);
  bytes.write(patch.value, "utf8");
  return bytes;
}

/**
 * Lays replacements over a line. Room for a new value is the old one with the spaces behind it, which are there where
 * a longer value was replaced before.
 *
 * @param offset Of the line in the file.
 */
export function fitLine(line: Buffer, offset: number, replacements: readonly Replacement[]): FittedLine {
  const patches: Patch[] = [];
  let bytesFreed = 0;
  let fits = true;
  const pieces: Buffer[] = [];
  let copied = 0;
  for (const { span, value } of [...replacements].sort((a, b) => a.span.start - b.span.start)) {
    const bytes = Buffer.from(value);
    const old = line.subarray(span.start, span.end);
    if (old.equals(bytes)) continue;
    let roomEnd = span.end;
    while (line[roomEnd] === SPACE) roomEnd++;
    const length = roomEnd - span.start;
    bytesFreed += old.length - bytes.length;
    fits &&= bytes.length <= length;
    patches.push({ offset: offset + span.start, length, value });
    pieces.push(line.subarray(copied, span.start), bytes.length <= length ? patchBytes({ length, value }) : bytes);
    copied = roomEnd;
  }
  return { fits, patches, line: Buffer.concat([...pieces, line.subarray(copied)]), bytesFreed };
}
