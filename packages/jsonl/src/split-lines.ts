import type { SplitLine } from "./line.ts";
import { LineSplitter, type LineSplitterOptions } from "./line-splitter.ts";

/**
 * Yields the lines of a byte stream in order. The source is a Node `Readable`, a web `ReadableStream`, or any iterable of
 * chunks. Leaving the loop early also ends the iteration of the source.
 */
export async function* splitLines(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options?: LineSplitterOptions,
): AsyncGenerator<SplitLine, void, undefined> {
  const splitter = new LineSplitter(options);
  for await (const chunk of source) yield* splitter.write(chunk);
  yield* splitter.end();
}
