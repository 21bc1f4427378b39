import { readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { readLinesBackward } from "@plexum/jsonl";
import { PREFIX_BYTES } from "./read-head.ts";
import { asBuffer, isWorthReading, USUAL_LINE_BYTES } from "./rollout-bytes.ts";
import { TailScan } from "./tail-scan.ts";

const NEWLINE = 0x0a;
const FIRST_WINDOW = 16 * 1024;
const MAX_WINDOW = 256 * 1024;
const CHUNK_BYTES = 256 * 1024;

export interface Tail {
  readonly scan: TailScan;
  /** The offset after the last whole line. */
  readonly end: number;
}

/** The state after the part that is read synchronously. */
export interface Unfinished {
  readonly scan: TailScan;
  /** Undefined if no line end was found yet. */
  readonly end: number | undefined;
  /** The offset after the lines that have not been examined yet. */
  readonly rest: number;
}

/** Used for one file at a time, and no content is kept. A buffer for each of thousands of files would cost more than reading them. */
const shared = Buffer.allocUnsafeSlow(MAX_WINDOW + PREFIX_BYTES);

/**
 * Reads an open file's end back to the user's last message, or to `floor`, and no byte twice. Returns `Unfinished` if that is farther
 * away than is read synchronously. A synchronous read takes a few microseconds, an asynchronous one many times that.
 *
 * @param takeBeginning Called with the bytes if they are the whole file. They are valid only during the call.
 */
export function readTailNow(
  fd: number,
  size: number,
  floor: number,
  takeBeginning: (bytes: Buffer) => void,
): Tail | Unfinished {
  let low = size;
  for (let window = FIRST_WINDOW; ; window = Math.min(MAX_WINDOW, window * 4)) {
    // If little is left, read all of it: its first line would be read again otherwise.
    const next = size - window <= floor + PREFIX_BYTES ? floor : size - window;
    // The file's end is at the buffer's end.
    const place = shared.length - (size - next);
    if (!readFully(fd, shared.subarray(place, place + low - next), next))
      return { scan: new TailScan(), end: undefined, rest: size };
    low = next;
    const bytes = shared.subarray(place);
    const scan = new TailScan();
    const isAll = low === floor;
    if (low === 0) takeBeginning(bytes);
    const unseen = scanLines(bytes, isAll, scan);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    if (unseen === 0) return { scan, end: low + (end === 0 && !isAll ? bytes.length : end) };
    if (window === MAX_WINDOW) return { scan, end: end === 0 ? undefined : low + end, rest: low + unseen };
  }
}

/** Returns how many of the bytes remain to be examined together with those before them. Returns 0 if that is not needed. */
function scanLines(bytes: Buffer, isAll: boolean, scan: TailScan): number {
  for (let stop = bytes.length; stop > 0; ) {
    const start = bytes.lastIndexOf(NEWLINE, stop - 1) + 1;
    // The first line of a part may begin before it.
    if (start === 0 && !isAll) return Math.min(bytes.length, stop + 1);
    if (start < stop && scan.take(bytes.subarray(start, stop))) return 0;
    stop = start - 1;
  }
  return isAll ? 0 : 1;
}

function readFully(fd: number, buffer: Buffer, position: number): boolean {
  for (let filled = 0; filled < buffer.length; ) {
    const bytesRead = readSync(fd, buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) return false;
    filled += bytesRead;
  }
  return true;
}

/** Continues from there, however far away the message is. Only the part of one line that was already read is read again. */
export async function readTail(
  path: string,
  { scan, end: known, rest }: Unfinished,
  floor: number,
  signal?: AbortSignal,
): Promise<Tail> {
  await using file = await open(path);
  let end = known;
  const limits = { end: rest, chunkBytes: CHUNK_BYTES, maxLineBytes: USUAL_LINE_BYTES };
  for await (const line of readLinesBackward(file, limits)) {
    signal?.throwIfAborted();
    if (line.offset < floor) break;
    end ??= line.terminated ? rest : line.offset;
    const isDone =
      line.kind === "line" ? scan.take(asBuffer(line.bytes)) : await takeLong(scan, file, line.offset, line.length);
    if (isDone) break;
  }
  return { scan, end: end ?? floor };
}

const HEAD_BYTES = 1024;

async function takeLong(scan: TailScan, file: FileHandle, offset: number, length: number): Promise<boolean> {
  const { buffer: head } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, offset);
  if (!isWorthReading(head, length)) return scan.take(head, true);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
  return scan.take(buffer);
}
