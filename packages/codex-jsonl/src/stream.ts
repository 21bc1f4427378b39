import { createEventParser, type EventParserOptions, handleAll } from "./event-parser.ts";
import type { ParsedEvent } from "./results.ts";

/** Transforms bytes into events in a pipe of web streams: `stream.pipeThrough(new EventParserStream())`. No input makes it fail. */
export class EventParserStream extends TransformStream<Uint8Array, ParsedEvent> {
  /** @throws RangeError if an option is not an integer in its range. */
  constructor(options: EventParserOptions = {}) {
    let onResult: (result: ParsedEvent) => void;
    const parser = createEventParser(
      handleAll((result) => onResult(result)),
      options,
    );
    super({
      start(controller) {
        onResult = (result) => controller.enqueue(result);
      },
      transform: (chunk) => parser.write(chunk),
      flush: () => parser.end(),
    });
  }
}
