import { type LineLimit, LineSplitter, type SplitLine } from "@plexum/jsonl";
import type { CodexEvent } from "./events.ts";
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
 * No input makes it throw. What a handler throws comes out of `feed` or `end`; lines of the same chunk that stand behind
 * are then lost, later chunks are read as usual.
 *
 * @throws RangeError if an option is not a whole number in its range.
 */
export function createEventParser(handlers: EventHandlers, options: EventParserOptions = {}): EventParser {
  return createResultParser((result) => dispatch(result, handlers), options);
}

/** The same with one function for every result. */
export function createResultParser(onResult: (result: ParsedEvent) => void, options: EventParserOptions): EventParser {
  let splitter = new LineSplitter(options);
  const deliver = (line: SplitLine) => {
    const result = readEvent(line);
    if (result !== undefined) onResult(result);
  };
  return {
    feed: (chunk) => splitter.write(chunk).forEach(deliver),
    end() {
      const rest = splitter.finish();
      splitter = new LineSplitter(options);
      rest.forEach(deliver);
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
