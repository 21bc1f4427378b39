import { readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { readLinesBackward } from "@plexum/jsonl";
import { asBuffer, isWorthReading, USUAL_LINE_BYTES } from "./rollout-bytes.ts";
import { TailScan } from "./tail-scan.ts";

const NEWLINE = 0x0a;
const FIRST_WINDOW = 16 * 1024;
const MAX_WINDOW = 256 * 1024;
const CHUNK_BYTES = 256 * 1024;

export interface Tail {
  readonly scan: TailScan;
  /** Behind the last whole line. */
  readonly end: number;
}

/** Used for one file at a time, and nothing of it is kept: a buffer for each of thousands of files would cost more than reading them. */
const shared = Buffer.allocUnsafeSlow(MAX_WINDOW);

/**
 * Reads an open file's end back to the user's last message, or to `floor`; no byte twice. Undefined if that is farther away than
 * is read synchronously, which takes some microseconds where waiting for it takes many times that.
 */
export function readTailNow(fd: number, size: number, floor: number): Tail | undefined {
  let low = size;
  for (let window = FIRST_WINDOW; ; window = Math.min(MAX_WINDOW, window * 4)) {
    const next = Math.max(floor, size - window);
    // What stands at the file's end stands at the buffer's end.
    const place = MAX_WINDOW - (size - next);
    if (!readFully(fd, shared.subarray(place, place + low - next), next)) return undefined;
    low = next;
    const bytes = shared.subarray(place);
    const scan = new TailScan();
    const isAll = low === floor;
    if (scanLines(bytes, isAll, scan)) return { scan, end: low + endOfLastLine(bytes, isAll) };
    if (window === MAX_WINDOW) return undefined;
  }
}

/** Returns false if more has to be read to know. */
function scanLines(bytes: Buffer, isAll: boolean, scan: TailScan): boolean {
  for (let stop = bytes.length; stop > 0; ) {
    const start = bytes.lastIndexOf(NEWLINE, stop - 1) + 1;
    // The first line of a part may have begun before it.
    if (start === 0 && !isAll) return false;
    if (start < stop && scan.take(bytes.subarray(start, stop))) return true;
    stop = start - 1;
  }
  return isAll;
}

function endOfLastLine(bytes: Buffer, isAll: boolean): number {
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  return end === 0 && !isAll ? bytes.length : end;
}

function readFully(fd: number, buffer: Buffer, position: number): boolean {
  for (let filled = 0; filled < buffer.length; ) {
    const bytesRead = readSync(fd, buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) return false;
    filled += bytesRead;
  }
  return true;
}

/** The same, however far away the message is. */
export async function readTail(path: string, size: number, floor: number, signal?: AbortSignal): Promise<Tail> {
  await using file = await open(path);
  const scan = new TailScan();
  let end: number | undefined;
  const limits = { end: size, chunkBytes: CHUNK_BYTES, maxLineBytes: USUAL_LINE_BYTES };
  for await (const line of readLinesBackward(file, limits)) {
    signal?.throwIfAborted();
    if (line.offset < floor) break;
    end ??= line.terminated ? size : line.offset;
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
