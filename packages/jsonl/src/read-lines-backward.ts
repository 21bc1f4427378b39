import type { FileHandle } from "node:fs/promises";
import { BackwardLineSplitter } from "./backward-line-splitter.ts";
import type { LineLimit, SplitLine } from "./line.ts";

export interface ReadLinesBackwardOptions extends LineLimit {
  /** Reads the bytes before this offset. Default: the file's size when reading starts. */
  readonly end?: number;
  /** Bytes read at a time. @default 65_536 */
  readonly chunkBytes?: number;
}

/**
 * Yields the lines of an open file from the last to the first, reading only as far back as the caller iterates.
 * The caller closes the file.
 *
 * @throws RangeError if an option is not an integer in its range, or if the file becomes shorter while it is read.
 */
export async function* readLinesBackward(
  file: FileHandle,
  options: ReadLinesBackwardOptions = {},
): AsyncGenerator<SplitLine, void, undefined> {
  const { chunkBytes = 64 * 1024, end = (await file.stat()).size } = options;
  if (!Number.isInteger(chunkBytes) || chunkBytes < 1) {
    throw new RangeError(`chunkBytes must be a positive integer, not ${chunkBytes}`);
  }
  const splitter = new BackwardLineSplitter(end, options);
  for (let position = end; position > 0; ) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    yield* splitter.write(await readFully(file, position, length));
  }
  yield* splitter.end();
}

async function readFully(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0)
      throw new RangeError(`the file ends before byte ${position + length}: it was shortened while being read`);
    filled += bytesRead;
  }
  return buffer;
}
