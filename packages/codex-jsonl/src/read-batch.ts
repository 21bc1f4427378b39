import type { CodexEvent } from "./events.ts";
import { isWellFormedEvent } from "./is-well-formed.ts";

const NEWLINE = 0x0a;

/**
 * How many bytes are decoded at a time. A single character outside Latin-1 makes V8 store the whole text with two bytes per
 * character, which is slower to parse. Small pieces limit how much text that affects.
 */
const PIECE_BYTES = 4096;

/**
 * Emits the events at the start of `bytes`, which contains whole lines, and stops before the first line that is not a
 * well-formed event. Returns how many bytes it read.
 *
 * This is the fast path for what codex normally writes. It decodes many lines at once and splits the text, because creating a
 * view and decoding each line separately take about a fifth of the time of parsing it. The byte offsets of the lines are lost
 * this way, but well-formed events do not need them.
 */
export function readBatch(bytes: Buffer, onEvent: (event: CodexEvent) => void): number {
  let begin = 0;
  while (begin < bytes.length) {
    const end = endOfPiece(bytes, begin);
    const text = bytes.toString("utf8", begin, end);
    let lineCount = 0;
    for (let start = 0; start < text.length; lineCount++) {
      const newline = text.indexOf("\n", start);
      const event = parseWellFormed(text.slice(start, newline));
      if (event === undefined) return endOfLine(bytes, begin, lineCount);
      onEvent(event);
      start = newline + 1;
    }
    begin = end;
  }
  return begin;
}

/** Returns the end of the next piece: as many whole lines as fit, and at least one. */
function endOfPiece(bytes: Buffer, begin: number): number {
  if (bytes.length - begin <= PIECE_BYTES) return bytes.length;
  const newline = bytes.lastIndexOf(NEWLINE, begin + PIECE_BYTES);
  return (newline > begin ? newline : bytes.indexOf(NEWLINE, begin + PIECE_BYTES)) + 1;
}

function parseWellFormed(text: string): CodexEvent | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isWellFormedEvent(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function endOfLine(bytes: Buffer, begin: number, lineCount: number): number {
  let end = begin;
  for (let line = 0; line < lineCount; line++) end = bytes.indexOf(NEWLINE, end) + 1;
  return end;
}
