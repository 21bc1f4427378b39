import { createReadStream } from "node:fs";
import { createZstdDecompress } from "node:zlib";
import { splitLines } from "@plexum/jsonl";

export interface Range {
  readonly start?: number;
  /** Default: the file's end. */
  readonly end?: number;
  /** Read at a time. Default 256 KiB. */
  readonly chunkBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A longer line (an image, a huge output) is passed over: it would have to be held in memory. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;

/** The lines of a rollout in order, decompressed if it is compressed; offsets are those of the plain file. */
export async function* linesOf(
  path: string,
  range: Range = {},
): AsyncGenerator<{ bytes: Buffer; offset: number; terminated: boolean }, void, undefined> {
  const { start = 0 } = range;
  for await (const line of splitLines(bytesOf(path, range), { startOffset: start, maxLineBytes: MAX_LINE_BYTES })) {
    range.signal?.throwIfAborted();
    if (line.kind === "line") yield { bytes: asBuffer(line.bytes), offset: line.offset, terminated: line.terminated };
  }
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
      if (wanted.length > 0) yield wanted;
      if (offset >= end) break;
    }
  } finally {
    source.destroy();
    plain.destroy();
  }
}
