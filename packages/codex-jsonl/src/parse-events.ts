import { createEventParser, type EventParserOptions, handleAll } from "./event-parser.ts";
import type { ParsedEvent } from "./results.ts";

/**
 * Yields the events of a byte stream in order. The source is a child's stdout, any Node `Readable`, a web `ReadableStream`,
 * or any iterable of chunks. Leaving the loop early also ends the iteration of the source.
 *
 * No input makes it throw. Errors from the source are passed on unchanged.
 *
 * @throws RangeError if an option is not an integer in its range.
 */
export async function* parseEvents(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: EventParserOptions = {},
): AsyncGenerator<ParsedEvent, void, undefined> {
  let results: ParsedEvent[] = [];
  const parser = createEventParser(
    handleAll((result) => results.push(result)),
    options,
  );
  for await (const chunk of source) {
    parser.write(chunk);
    if (results.length === 0) continue;
    const ready = results;
    results = [];
    // Not `yield*`, which would wrap the array in an async iterator.
    for (const result of ready) yield result;
  }
  parser.end();
  for (const result of results) yield result;
}
