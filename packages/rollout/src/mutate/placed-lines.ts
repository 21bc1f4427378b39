import type { FoundLine, SearchableFile } from "@plexum/jsonl-edit";
import { type CallPlaces, type FilePlaces, type PlaceInFile, placesOfFile } from "../calls/call-places.ts";
import { isNestedId } from "../calls/nested-item.ts";
import { readExactly } from "../read/open-rollout.ts";
import { spansOf } from "../read/spans.ts";

const NEWLINE = 0x0a;

/**
 * Returns the known places of some calls in a file. Returns undefined if they are not enough and the lines have to be searched for.
 *
 * This is so for a nested call: the places do not include codex's record of it, which is needed.
 */
export function placesIn(
  file: SearchableFile,
  places: CallPlaces | undefined,
  callIds: Iterable<string>,
): FilePlaces | undefined {
  const known = placesOfFile(places, file.stat);
  for (const callId of callIds) if (known?.linesOf(callId) === undefined || isNestedId(callId)) return undefined;
  return known;
}

/**
 * Yields the lines at the known places of some calls, from the last to the first, as a search for their ids does.
 * @param end The offset at which to start, as if the file ended there.
 * @returns False as soon as a place is no longer that of a line. Then the file is not the one that was read.
 */
export async function* placedLines(
  file: SearchableFile,
  places: FilePlaces,
  end: number,
  callIds: Iterable<string>,
  limits: { readonly maxLineBytes: number; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<FoundLine, boolean, undefined> {
  const lines = new Map(places.ofAnyCall.map((place) => [place.offset, place]));
  for (const callId of callIds)
    for (const place of places.linesOf(callId) ?? []) if (!lines.has(place.offset)) lines.set(place.offset, place);
  const until = Math.min(end, places.end);
  const sorted = [...lines.values()].filter(({ offset }) => offset < until).sort((a, b) => b.offset - a.offset);
  const [newest] = sorted;
  if (newest !== undefined && newest.offset + newest.length >= until) return false;
  let buffer = Buffer.alloc(0);
  const { maxLineBytes } = limits;
  // A line that is too long is its own group.
  const areShort = (a: PlaceInFile, b: PlaceInFile) => Math.max(a.length, b.length) <= maxLineBytes;
  for (const span of spansOf(sorted, { extentOf: (place) => place, mayJoin: areShort })) {
    limits.signal?.throwIfAborted();
    const [last] = span;
    const first = span.at(-1) ?? last;
    if (last.length > maxLineBytes) {
      yield { ...last, bytes: undefined, terminated: true };
      continue;
    }
    // Includes the newline before the first line and the one after the last.
    const start = Math.max(0, first.offset - 1);
    const end = last.offset + last.length + 1;
    if (buffer.length < end - start) buffer = Buffer.allocUnsafe(end - start);
    const bytes = await readExactly(file.file, file.path, start, end - start, buffer.subarray(0, end - start));
    // One copy for all of them, without the bytes between them.
    const copy = Buffer.allocUnsafe(span.reduce((sum, { length }) => sum + length, 0));
    let copied = 0;
    for (const { offset, length } of span) {
      const at = offset - start;
      const isLine = bytes.indexOf(NEWLINE, at) === at + length && (offset === 0 || bytes[at - 1] === NEWLINE);
      if (!isLine) return false;
      bytes.copy(copy, copied, at, at + length);
      yield { offset, length, bytes: copy.subarray(copied, copied + length), terminated: true };
      copied += length;
    }
  }
  return true;
}
