import { createEventParser, type EventParserOptions, handleAll } from "./event-parser.ts";
import type { ParsedEvent } from "./results.ts";

/**
 * The events of a byte stream, in order: a child's stdout, any Node `Readable`, a web `ReadableStream`, or any iterable
 * of chunks. Leaving the loop early ends the source's iteration too.
 *
 * No input makes it throw; what the source throws passes through.
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
    // Not `yield*`, which would wrap the array in an iterator of promises.
    for (const result of ready) yield result;
  }
  parser.end();
  for (const result of results) yield result;
}
