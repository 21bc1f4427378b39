/** Lines that are not farther apart than this are read together. */
const MAX_GAP_BYTES = 64 * 1024;
/** The most bytes that are read together, unless a single line is longer. */
export const MAX_SPAN_BYTES = 1024 * 1024;

/** Lines that are close together, to be read at once. */
export type Span<Line> = [Line, ...Line[]];

interface Extent {
  readonly offset: number;
  readonly length: number;
}

/**
 * Groups lines that are close together.
 * @param lines In the order of their offsets, or in the opposite order.
 * @param options.extentOf Where a line is in its file.
 * @param options.mayJoin Whether a line may be in one span with the first line of that span. Both may be close and still not belong
 * together.
 */
export function* spansOf<Line>(
  lines: Iterable<Line>,
  { extentOf, mayJoin }: { extentOf(line: Line): Extent; mayJoin(first: Line, line: Line): boolean },
): Generator<Span<Line>> {
  let span: Span<Line> | undefined;
  for (const line of lines) {
    if (span !== undefined && mayJoin(span[0], line) && isClose(span, line, extentOf)) {
      span.push(line);
      continue;
    }
    if (span !== undefined) yield span;
    span = [line];
  }
  if (span !== undefined) yield span;
}

function isClose<Line>(span: Span<Line>, line: Line, extentOf: (line: Line) => Extent): boolean {
  const first = extentOf(span[0]);
  const previous = extentOf(span.at(-1) ?? span[0]);
  const next = extentOf(line);
  const gap = Math.max(next.offset - endOf(previous), previous.offset - endOf(next));
  const length = Math.max(endOf(first), endOf(next)) - Math.min(first.offset, next.offset);
  return gap <= MAX_GAP_BYTES && length <= MAX_SPAN_BYTES;
}

const endOf = ({ offset, length }: Extent): number => offset + length;
