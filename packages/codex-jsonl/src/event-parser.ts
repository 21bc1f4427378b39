import { DEFAULT_MAX_LINE_BYTES, type LineLimit, LineSplitter, type SplitLine } from "@plexum/jsonl";
import type { CodexEvent } from "./events.ts";
import { readBatch } from "./read-batch.ts";
import { readEvent } from "./read-event.ts";
import type { MalformedLine, OversizedLine, ParsedEvent, UnknownEvent } from "./results.ts";

/** Called once for each line that isn't blank, in the order of the lines, before `write` or `end` returns. */
export interface EventHandlers {
  onEvent?(event: CodexEvent): void;
  /** Worth a line in a debug log. */
  onUnknown?(event: UnknownEvent): void;
  /** Worth a warning, unless the reason is `truncated` and codex was killed. */
  onMalformed?(line: MalformedLine): void;
  /** Worth a warning. Look at its `eventType`: the line may have been the one that ended the turn. */
  onOversized?(line: OversizedLine): void;
}

export interface EventParserOptions extends LineLimit {
  /** The longest line that is read, in bytes. A longer one becomes an `oversized` result. Default 32 MiB. */
  readonly maxLineBytes?: number;
}

export interface EventParser {
  /** Takes the next bytes of codex's stdout, cut anywhere. */
  write(chunk: Uint8Array): void;
  /** Ends the input: reads a last line that has no newline. The parser is then ready for a new input, offsets from 0. */
  end(): void;
}

/** Smaller chunks seldom hold a whole line: there is nothing to gain by decoding them at once. */
const MIN_BATCH_BYTES = 512;

const NEWLINE = 0x0a;

/**
 * Reads the stdout of `codex exec --json` as it comes. Holds one unfinished line, never more than the cap.
 *
 * No input makes it throw. What a handler throws comes out of `write` or `end`; the lines of that chunk that stand behind
 * are then lost, later chunks are read as usual.
 *
 * @throws RangeError if an option is not a whole number in its range.
 */
export function createEventParser(
  handlers: EventHandlers,
  { maxLineBytes = DEFAULT_MAX_LINE_BYTES }: EventParserOptions = {},
): EventParser {
  let splitter = new LineSplitter({ maxLineBytes });
  /** A chunk no longer than the cap holds no line over it; one no longer than the default fits into a string. */
  const maxBatchBytes = Math.min(maxLineBytes, DEFAULT_MAX_LINE_BYTES);
  /** Bytes fed so far, and whether they end within a line. */
  let position = 0;
  let isWithinLine = false;

  const onEvent = (event: CodexEvent) => handlers.onEvent?.(event);
  const deliver = (line: SplitLine) => {
    const result = readEvent(line);
    if (result !== undefined) dispatch(result, handlers);
  };

  function feedBatch(bytes: Buffer) {
    const begin = isWithinLine ? bytes.indexOf(NEWLINE) + 1 : 0;
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    const unfinished = splitter.write(bytes.subarray(0, begin));
    const offset = position + begin;
    // The rest of the chunk is put away before any handler runs, which may throw.
    splitter = new LineSplitter({ maxLineBytes, startOffset: position + end });
    splitter.write(bytes.subarray(end));
    position += bytes.length;
    isWithinLine = end < bytes.length;

    unfinished.forEach(deliver);
    const lines = bytes.subarray(begin, end);
    const read = readBatch(lines, onEvent);
    if (read < lines.length) {
      const rest = new LineSplitter({ maxLineBytes, startOffset: offset + read });
      rest.write(lines.subarray(read)).forEach(deliver);
    }
  }

  function feedPiece(chunk: Uint8Array) {
    const lines = splitter.write(chunk);
    position += chunk.length;
    if (chunk.length > 0) isWithinLine = chunk[chunk.length - 1] !== NEWLINE;
    lines.forEach(deliver);
  }

  return {
    write(chunk) {
      const isBatch = chunk.length >= MIN_BATCH_BYTES && chunk.length <= maxBatchBytes;
      if (isBatch && chunk.includes(NEWLINE)) feedBatch(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
      else feedPiece(chunk);
    },
    end() {
      const last = splitter.end();
      splitter = new LineSplitter({ maxLineBytes });
      position = 0;
      isWithinLine = false;
      last.forEach(deliver);
    },
  };
}

function dispatch(result: ParsedEvent, handlers: EventHandlers): void {
  switch (result.type) {
    case "unknown":
      handlers.onUnknown?.(result);
      break;
    case "malformed":
      handlers.onMalformed?.(result);
      break;
    case "oversized":
      handlers.onOversized?.(result);
      break;
    default:
      handlers.onEvent?.(result);
  }
}

/** One function for all there is to handle. */
export function handleAll(onResult: (result: ParsedEvent) => void): EventHandlers {
  return { onEvent: onResult, onUnknown: onResult, onMalformed: onResult, onOversized: onResult };
}
