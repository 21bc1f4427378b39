import { DEFAULT_MAX_LINE_BYTES, type LineLimit, LineSplitter } from "@plexum/jsonl";
import type { CodexEvent } from "./events.ts";
import { readBatch } from "./read-batch.ts";
import { readEvent } from "./read-event.ts";
import type { MalformedLine, OversizedLine, ParsedEvent, UnknownEvent } from "./results.ts";

/** Called once for each line that isn't blank, in the order of the lines, before `feed` or `end` returns. */
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
  feed(chunk: Uint8Array): void;
  /** Ends the input: reads a last line that has no newline. The parser is then ready for a new input, offsets from 0. */
  end(): void;
}

/**
 * Reads the stdout of `codex exec --json` as it comes. Holds one unfinished line, never more than the cap.
 *
 * No input makes it throw. What a handler throws comes out of `feed` or `end`; the lines of that chunk that stand behind
 * are then lost, later chunks are read as usual.
 *
 * @throws RangeError if an option is not a whole number in its range.
 */
export function createEventParser(handlers: EventHandlers, options?: EventParserOptions): EventParser {
  return createResultParser((result) => dispatch(result, handlers), options);
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

const NEWLINE = 0x0a;

/** Chunks of these sizes are worth decoding at once: smaller ones hold no whole line, larger ones would double the memory. */
const MIN_BATCH_BYTES = 512;
const MAX_BATCH_BYTES = 1024 * 1024;

/** `createEventParser` with one function for every result. */
export function createResultParser(
  onResult: (result: ParsedEvent) => void,
  { maxLineBytes = DEFAULT_MAX_LINE_BYTES }: EventParserOptions = {},
): EventParser {
  let splitter = new LineSplitter({ maxLineBytes });
  /** Bytes fed so far, and whether they end within a line. */
  let position = 0;
  let isWithinLine = false;

  const deliver = (line: Parameters<typeof readEvent>[0]) => {
    const result = readEvent(line);
    if (result !== undefined) onResult(result);
  };

  function feedBatch(bytes: Buffer) {
    const begin = isWithinLine ? bytes.indexOf(NEWLINE) + 1 : 0;
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    const first = splitter.write(bytes.subarray(0, begin));
    // The rest of the chunk is put away before any handler runs, which may throw.
    const offset = position + begin;
    splitter = new LineSplitter({ maxLineBytes, startOffset: position + end });
    splitter.write(bytes.subarray(end));
    position += bytes.length;
    isWithinLine = end < bytes.length;

    first.forEach(deliver);
    const lines = bytes.subarray(begin, end);
    const read = readBatch(lines, onResult);
    if (read < lines.length) {
      const rest = new LineSplitter({ maxLineBytes, startOffset: offset + read });
      rest.write(lines.subarray(read)).forEach(deliver);
    }
  }

  return {
    feed(chunk) {
      const isBatch = chunk.length >= MIN_BATCH_BYTES && chunk.length <= Math.min(MAX_BATCH_BYTES, maxLineBytes);
      if (isBatch && chunk.includes(NEWLINE)) {
        feedBatch(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
        return;
      }
      const lines = splitter.write(chunk);
      position += chunk.length;
      if (chunk.length > 0) isWithinLine = chunk[chunk.length - 1] !== NEWLINE;
      lines.forEach(deliver);
    },
    end() {
      const last = splitter.finish();
      splitter = new LineSplitter({ maxLineBytes });
      position = 0;
      isWithinLine = false;
      last.forEach(deliver);
    },
  };
}
