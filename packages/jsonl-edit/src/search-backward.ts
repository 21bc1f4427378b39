import { RolloutError } from "./errors.ts";
import type { ReadableFile } from "./open-rollout.ts";

export interface SearchLimits {
  /** A line longer than this is not read. */
  readonly maxLineBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface FoundLine {
  readonly offset: number;
  readonly length: number;
  /** Undefined if the line is longer than allowed. */
  readonly bytes: Buffer | undefined;
  /** False only for the file's last line, if no newline ends it. */
  readonly terminated: boolean;
}

const FIRST_CHUNK_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
/** A common beginning must be this long to be rare enough in a rollout: `"call_` is. */
const PREFIX_BYTES = 6;

/**
 * The lines of a file that hold one of some byte strings, from the last to the first. No line is parsed, and only those found are
 * put together; what stands before the line that the caller stops at is not read.
 *
 * The caller may take needles out of the set while iterating: the search ends when none is left.
 */
export async function* searchBackward(
  file: ReadableFile,
  path: string,
  end: number,
  needles: Set<string>,
  limits: SearchLimits,
): AsyncGenerator<FoundLine, void, undefined> {
  const longest = Math.max(1, ...[...needles].map((needle) => Buffer.byteLength(needle)));
  const read = async (buffer: Buffer, from: number, to: number): Promise<Buffer> => {
    for (let filled = 0; filled < to - from; ) {
      const { bytesRead } = await file.read(buffer, filled, to - from - filled, from + filled);
      if (bytesRead === 0)
        throw new RolloutError("replaced", path, `${path} was shortened while it was being searched`);
      filled += bytesRead;
    }
    return buffer.subarray(0, to - from);
  };
  /** A chunk reaches a little over its end, so that a needle across the border is found. */
  const load = async (buffer: Buffer, high: number, size: number) => {
    const low = Math.max(0, high - size);
    return { low, bytes: await read(buffer, low, Math.min(end, high + longest - 1)) };
  };
  const room = () => Buffer.allocUnsafe(CHUNK_BYTES + longest);
  let current: Buffer | undefined = Buffer.allocUnsafe(FIRST_CHUNK_BYTES + longest);
  let spare: Buffer | undefined;
  let high = end;
  let next: ReturnType<typeof load> | undefined;
  try {
    for (let size = FIRST_CHUNK_BYTES; high > 0 && needles.size > 0; ) {
      limits.signal?.throwIfAborted();
      current ??= room();
      const chunk = await (next ?? load(current, high, size));
      next = undefined;
      if (chunk.low > 0 && size < CHUNK_BYTES) {
        size = CHUNK_BYTES;
        current = undefined;
      } else if (chunk.low > 0) {
        // While this chunk is searched the next one is read.
        [current, spare] = [spare ?? room(), current];
        next = load(current, chunk.low, size);
        // It is awaited above, or dropped when the search ends.
        next.catch(() => {});
      }
      let limit = high;
      for (const [at, needle] of matches(chunk.bytes, high - chunk.low, needles)) {
        if (chunk.low + at >= limit || !needles.has(needle)) continue;
        const line = await lineAround(read, chunk, chunk.low + at, end, limits.maxLineBytes);
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
    // The file must not be closed under a read.
    await next?.catch(() => {});
  }
}

/** Where needles begin in a chunk before `before`, the last first. */
function matches(bytes: Buffer, before: number, needles: ReadonlySet<string>): [at: number, needle: string][] {
  const found: [number, string][] = [];
  for (const group of groupsOf(needles)) {
    const [first = ""] = group;
    const wanted = group.length === 1 ? first : first.slice(0, PREFIX_BYTES);
    for (
      let at = bytes.indexOf(wanted, 0, "utf8");
      at !== -1 && at < before;
      at = bytes.indexOf(wanted, at + 1, "utf8")
    ) {
      const needle = group.length === 1 ? first : group.find((one) => startsAt(bytes, at, one));
      if (needle !== undefined) found.push([at, needle]);
    }
  }
  return found.sort((a, b) => b[0] - a[0]);
}

/** Needles with a common beginning are searched for in one go: a hundred calls cost what one does. */
function groupsOf(needles: ReadonlySet<string>): string[][] {
  const groups = Map.groupBy(needles, (needle) => needle.slice(0, PREFIX_BYTES));
  return [...groups.values()].flatMap((group) =>
    group.length > 3 && group.every(isAscii) ? [group] : group.map((needle) => [needle]),
  );
}

const isAscii = (text: string) => /^[ -~]*$/.test(text);

const startsAt = (bytes: Buffer, at: number, needle: string) =>
  bytes.length >= at + needle.length && bytes.toString("latin1", at, at + needle.length) === needle;

async function lineAround(
  read: (buffer: Buffer, from: number, to: number) => Promise<Buffer>,
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
