import { type ReadableFile, readInto } from "../files.ts";
import { IdMatcher } from "./id-matcher.ts";
import { Pauses } from "./pauses.ts";

/** Limits of a search. */
export interface SearchLimits {
  /** Lines longer than this are not read. In bytes. */
  readonly maxLineBytes: number;
  /** How much of the file is searched, from its end. In bytes; default all of it. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A line that contains one of the ids as a JSON string, anywhere in it. */
export interface FoundLine {
  /** The offset of the line's first byte. */
  readonly offset: number;
  /** In bytes, without the newline. */
  readonly length: number;
  /** Undefined if the line is longer than allowed. */
  readonly bytes: Buffer | undefined;
  /** False only for the file's last line, if no newline ends it. */
  readonly terminated: boolean;
}

const FIRST_CHUNK_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

type Read = (buffer: Buffer, from: number, to: number) => Promise<Buffer>;

/**
 * Yields the lines of a file that contain one of the ids, from the last to the first. No line is parsed, and only the lines found
 * are assembled. The search reads at most one chunk ahead of the line at which the caller stops.
 *
 * The caller may delete ids from the set while iterating. The search ends when none is left.
 */
export async function* searchBackward(
  file: ReadableFile,
  path: string,
  end: number,
  ids: Set<string>,
  limits: SearchLimits,
): AsyncGenerator<FoundLine, void, undefined> {
  const matchers = new Matchers(ids);
  const { longest } = matchers.current;
  const floor = Math.max(0, end - (limits.maxBytes ?? end));
  const read: Read = (buffer, from, to) => readInto(file, path, buffer, from, to);
  /** Reads a chunk and a little more after its end, so that an id across the boundary is found. */
  const load = async (buffer: Buffer, high: number, size: number) => {
    const low = Math.max(0, high - size);
    return { low, bytes: await read(buffer, low, Math.min(end, high + longest - 1)) };
  };
  const room = () => Buffer.allocUnsafe(CHUNK_BYTES + longest);
  const pauses = new Pauses();
  let current: Buffer | undefined = Buffer.allocUnsafe(FIRST_CHUNK_BYTES + longest);
  let spare: Buffer | undefined;
  let high = end;
  let next: ReturnType<typeof load> | undefined;
  try {
    for (let size = FIRST_CHUNK_BYTES; high > floor && ids.size > 0; ) {
      limits.signal?.throwIfAborted();
      current ??= room();
      const chunk = await (next ?? load(current, high, size));
      next = undefined;
      if (chunk.low > floor && size < CHUNK_BYTES) {
        size = CHUNK_BYTES;
        current = undefined;
      } else if (chunk.low > floor) {
        // The next chunk is read while this one is searched.
        [current, spare] = [spare ?? room(), current];
        next = load(current, chunk.low, size);
        // It is awaited above, or dropped when the search ends.
        next.catch(() => {});
      }
      let limit = high;
      for (const { at, id } of matchers.current.find(chunk.bytes, high - chunk.low)) {
        if (chunk.low + at >= limit || !ids.has(id)) continue;
        const line = await lineAround(read, chunk, chunk.low + at, end, limits.maxLineBytes);
        await pauses.pause();
        limits.signal?.throwIfAborted();
        yield line;
        limit = line.offset;
      }
      if (limit < chunk.low) {
        await next?.catch(() => {});
        next = undefined;
      }
      high = Math.min(chunk.low, limit);
    }
  } finally {
    // The file must not be closed during a read.
    await next?.catch(() => {});
  }
}

/** A matcher for the remaining ids. It is rebuilt whenever half of them are done, so that searching for the last few is cheap. */
class Matchers {
  readonly #ids: ReadonlySet<string>;
  #matcher: IdMatcher;
  #size: number;

  constructor(ids: ReadonlySet<string>) {
    this.#ids = ids;
    this.#matcher = new IdMatcher(ids);
    this.#size = ids.size;
  }

  get current(): IdMatcher {
    if (this.#ids.size <= this.#size / 2) {
      this.#matcher = new IdMatcher(this.#ids);
      this.#size = this.#ids.size;
    }
    return this.#matcher;
  }
}

/** Returns the ids that a line contains. For a line that is too long to be read at once. */
export async function idsInLine(
  file: ReadableFile,
  path: string,
  line: Pick<FoundLine, "offset" | "length">,
  ids: Iterable<string>,
  signal?: AbortSignal,
): Promise<Set<string>> {
  const matcher = new IdMatcher(ids);
  const found = new Set<string>();
  const end = line.offset + line.length;
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES + matcher.longest);
  for (let offset = line.offset; offset < end; offset += CHUNK_BYTES) {
    signal?.throwIfAborted();
    const bytes = await readInto(file, path, buffer, offset, Math.min(end, offset + CHUNK_BYTES + matcher.longest));
    for (const { id } of matcher.find(bytes, CHUNK_BYTES)) found.add(id);
  }
  return found;
}

/** Reads the line around an offset, which may reach beyond the chunk. */
async function lineAround(
  read: Read,
  chunk: { low: number; bytes: Buffer },
  at: number,
  fileEnd: number,
  maxLineBytes: number,
): Promise<FoundLine> {
  const inChunk = at - chunk.low;
  let start = chunk.bytes.lastIndexOf(NEWLINE, inChunk) + 1 + chunk.low;
  for (let high = chunk.low; start === chunk.low && high > 0; ) {
    const low = Math.max(0, high - FIRST_CHUNK_BYTES);
    const newline = (await read(Buffer.allocUnsafe(high - low), low, high)).lastIndexOf(NEWLINE);
    if (newline !== -1) {
      start = low + newline + 1;
      break;
    }
    high = low;
    if (low === 0) start = 0;
  }
  const newline = chunk.bytes.indexOf(NEWLINE, inChunk);
  let stop = newline === -1 ? fileEnd : chunk.low + newline;
  for (let low = chunk.low + chunk.bytes.length; newline === -1 && low < fileEnd; ) {
    const high = Math.min(fileEnd, low + FIRST_CHUNK_BYTES);
    const found = (await read(Buffer.allocUnsafe(high - low), low, high)).indexOf(NEWLINE);
    if (found !== -1) {
      stop = low + found;
      break;
    }
    low = high;
  }
  const length = stop - start;
  const isWhole = start >= chunk.low && stop <= chunk.low + chunk.bytes.length;
  const bytes =
    length > maxLineBytes
      ? undefined
      : isWhole
        ? Buffer.from(chunk.bytes.subarray(start - chunk.low, stop - chunk.low))
        : await read(Buffer.allocUnsafe(length), start, stop);
  return { offset: start, length, bytes, terminated: stop < fileEnd };
}
