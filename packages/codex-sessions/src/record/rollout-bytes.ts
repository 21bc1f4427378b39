import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createZstdDecompress } from "node:zlib";
import { splitLines } from "@plexum/jsonl";
import { lineKind } from "./line-kind.ts";

export interface Range {
  readonly start?: number;
  /** The offset of the end. Default: the end of the file. */
  readonly end?: number;
  /** The number of bytes to read at once. @default 262_144 */
  readonly chunkBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RolloutLine {
  readonly bytes: Buffer;
  readonly offset: number;
  readonly terminated: boolean;
  /** True if the line is so long that `bytes` has only its beginning. */
  readonly isCut: boolean;
}

/** A longer line is kept in memory only if it may be a message. Outputs and snapshots are skipped. */
export const USUAL_LINE_BYTES = 8 * 1024 * 1024;
/** Enough for a message with many images. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** The same limit as in `rollout`. A few kilobytes can unpack to more than can be read in an hour. */
const MAX_UNPACKED_BYTES = 4 * 1024 ** 3;

/** Yields the lines of a rollout in order, decompressed if needed. Offsets are those in the plain file. */
export async function* linesOf(path: string, range: Range = {}): AsyncGenerator<RolloutLine, void, undefined> {
  const { start = 0 } = range;
  const isPlain = !path.endsWith(".zst");
  const maxLineBytes = isPlain ? USUAL_LINE_BYTES : MAX_LINE_BYTES;
  for await (const line of splitLines(bytesOf(path, range), { startOffset: start, maxLineBytes })) {
    range.signal?.throwIfAborted();
    const { offset, terminated, length } = line;
    if (line.kind === "line") yield { bytes: asBuffer(line.bytes), offset, terminated, isCut: false };
    else {
      const head = asBuffer(line.head);
      const bytes = isPlain && isWorthReading(head, length) ? await readAt(path, offset, length) : undefined;
      yield { bytes: bytes ?? head, offset, terminated, isCut: bytes === undefined };
    }
  }
}

/** Returns whether a line that is longer than usual has to be read, by its first bytes. */
export function isWorthReading(head: Buffer, length: number): boolean {
  if (length > MAX_LINE_BYTES) return false;
  return head.includes('"session_meta"') || ["event", "item", "removal", "unknown"].includes(lineKind(head).kind);
}

async function readAt(path: string, offset: number, length: number): Promise<Buffer | undefined> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
  return bytesRead === length ? buffer : undefined;
}

export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

async function* bytesOf(path: string, range: Range): AsyncGenerator<Buffer, void, undefined> {
  const { start = 0, end = Number.POSITIVE_INFINITY, chunkBytes = 256 * 1024 } = range;
  if (end <= start) return;
  if (!path.endsWith(".zst")) {
    yield* createReadStream(path, { start, end: end - 1, highWaterMark: chunkBytes });
    return;
  }
  const source = createReadStream(path);
  const plain = createZstdDecompress();
  source.on("error", (error) => plain.destroy(error)).pipe(plain);
  try {
    let offset = 0;
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      const wanted = chunk.subarray(Math.max(0, start - offset), Math.max(0, end - offset));
      offset += chunk.length;
      if (offset > MAX_UNPACKED_BYTES) throw new Error(`it unpacks to more than ${MAX_UNPACKED_BYTES} bytes`);
      if (wanted.length > 0) yield wanted;
      if (offset >= end) break;
    }
  } finally {
    source.destroy();
    plain.destroy();
  }
}
