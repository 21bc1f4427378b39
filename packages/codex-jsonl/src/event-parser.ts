import { DEFAULT_MAX_LINE_BYTES, type LineLimit, LineSplitter, type SplitLine } from "@plexum/jsonl";
import type { CodexEvent } from "./events.ts";
import { readBatch } from "./read-batch.ts";
import { readEvent } from "./read-event.ts";
import type { MalformedLine, OversizedLine, ParsedEvent, UnknownEvent } from "./results.ts";

/** Handlers for the results. One is called for each line that isn't blank, in order, before `write` or `end` returns. */
export interface EventHandlers {
  onEvent?(event: CodexEvent): void;
  /** Called for an unknown type. Log it at debug level. */
  onUnknown?(event: UnknownEvent): void;
  /** Called for a damaged line. Log a warning, unless the reason is `truncated` and codex was killed. */
  onMalformed?(line: MalformedLine): void;
  /** Called for a line over the limit. Log a warning, and check `eventType`: the line may be the one that ended the turn. */
  onOversized?(line: OversizedLine): void;
}

export interface EventParserOptions extends LineLimit {
  /** The longest line that is read, in bytes. A longer line becomes an `oversized` result. @default 33_554_432 */
  readonly maxLineBytes?: number;
}

export interface EventParser {
  /** Takes the next bytes of codex's stdout, split at any position. */
  write(chunk: Uint8Array): void;
  /** Ends the input and reads a last line without a newline. The parser is then ready for a new input, with offsets from 0. */
  end(): void;
}

/** Smaller chunks rarely contain a whole line, so decoding them at once gains nothing. */
const MIN_BATCH_BYTES = 512;

const NEWLINE = 0x0a;

/**
 * Creates a push parser for the stdout of `codex exec --json`. Holds one unfinished line, and never more than the limit.
 *
 * No input makes it throw. If a handler throws, `write` or `end` throws the same error. The remaining lines of that chunk are
 * lost then, and later chunks are read as usual.
 *
 * @throws RangeError if an option is not an integer in its range.
 */
export function createEventParser(
  handlers: EventHandlers,
  { maxLineBytes = DEFAULT_MAX_LINE_BYTES }: EventParserOptions = {},
): EventParser {
  let splitter = new LineSplitter({ maxLineBytes });
  // A chunk within the limit contains no line over it. A chunk within the default limit fits into a string.
  const maxBatchBytes = Math.min(maxLineBytes, DEFAULT_MAX_LINE_BYTES);
  /** Bytes written so far, and whether they end within a line. */
  let position = 0;
  let isWithinLine = false;

  const onEvent = (event: CodexEvent) => handlers.onEvent?.(event);
  const deliver = (line: SplitLine) => {
    const result = readEvent(line);
    if (result !== undefined) dispatch(result, handlers);
  };

  function writeBatch(bytes: Buffer) {
    const begin = isWithinLine ? bytes.indexOf(NEWLINE) + 1 : 0;
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    const unfinished = splitter.write(bytes.subarray(0, begin));
    const offset = position + begin;
    // Store the rest of the chunk before any handler runs, because a handler may throw.
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

  function writePiece(chunk: Uint8Array) {
    const lines = splitter.write(chunk);
    position += chunk.length;
    if (chunk.length > 0) isWithinLine = chunk[chunk.length - 1] !== NEWLINE;
    lines.forEach(deliver);
  }

  return {
    write(chunk) {
      const isBatch = chunk.length >= MIN_BATCH_BYTES && chunk.length <= maxBatchBytes;
      if (isBatch && chunk.includes(NEWLINE)) writeBatch(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
      else writePiece(chunk);
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

/** Returns handlers that pass every result to one function. */
export function handleAll(onResult: (result: ParsedEvent) => void): EventHandlers {
  return { onEvent: onResult, onUnknown: onResult, onMalformed: onResult, onOversized: onResult };
}
