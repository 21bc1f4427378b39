import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import { asRolloutError, isErrno, RolloutError } from "../errors.ts";
import { existingForm } from "../find/find-rollout.ts";

/** A rollout opened for reading. For a compressed one, this is a decompressed copy, which disappears when it is closed. */
export interface OpenRollout extends AsyncDisposable {
  /** The file that was found. It may end in `.zst` although the given path does not, and the reverse. */
  readonly path: string;
  readonly file: FileHandle;
  /** The size in bytes when it was opened. */
  readonly size: number;
}

/**
 * Opens a rollout, plain or compressed.
 *
 * @throws RolloutError `not_found`, `not_a_file`, `not_permitted`, `io`; `damaged` or `no_space` if it can't be decompressed.
 */
export async function openRollout(path: string, signal?: AbortSignal): Promise<OpenRollout> {
  const found = existingForm(path) ?? path;
  try {
    const file = found.endsWith(".zst") ? await decompressed(found, signal) : await openToRead(found);
    const { size } = await file.stat();
    return { path: found, file, size, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    throw asRolloutError(error, found, "read");
  }
}

/** Opens a regular file. @throws RolloutError `not_a_file` */
export async function openToRead(path: string): Promise<FileHandle> {
  // Does not wait for a writer if it is a pipe.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile())
      throw new RolloutError("not_a_file", path, `${path} is not a file; name a rollout file`);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function decompressed(path: string, signal?: AbortSignal): Promise<FileHandle> {
  const copy = join(tmpdir(), `rollout-copy-${randomUUID()}`);
  const file = await open(copy, "wx+", 0o600);
  try {
    // A file without a name can't be left behind, however this process ends. (Windows keeps it until the temp folder is cleaned.)
    await rm(copy).catch(() => {});
    for await (const chunk of unpack(path, signal)) await file.writeFile(chunk);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Twice the largest rollout that was ever measured here. A few kilobytes can unpack to more than any disk holds. */
const MAX_UNPACKED_BYTES = 4 * 1024 ** 3;

/**
 * Yields the content of a `.zst` file in chunks. Exiting the loop closes the file.
 *
 * @throws RolloutError `damaged` if it isn't zstd, or ends too early; `no_space` if it unpacks to more than 4 GiB.
 */
export async function* unpack(
  path: string,
  signal?: AbortSignal,
  maxBytes = MAX_UNPACKED_BYTES,
): AsyncGenerator<Buffer, void, undefined> {
  const file = await openToRead(path);
  let length = 0;
  try {
    for await (const chunk of pipeline(file.createReadStream(), createZstdDecompress(), () => {})) {
      signal?.throwIfAborted();
      length += chunk.length;
      if (length > maxBytes)
        throw new RolloutError(
          "no_space",
          path,
          `${path} unpacks to more than ${maxBytes} bytes; if it is a rollout, unpack it with zstd`,
        );
      yield chunk;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!isErrno(error, "Z_BUF_ERROR") && !code?.startsWith("ZSTD_")) throw error;
    throw new RolloutError("damaged", path, `${path} can't be decompressed: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** The part of an open file that reads at an offset need. */
export interface ReadableFile {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
}

/** Reads exactly `length` bytes. @throws RolloutError `replaced` if the file ends earlier. */
export async function readExactly(
  file: ReadableFile,
  path: string,
  offset: number,
  length: number,
  buffer: Buffer = Buffer.allocUnsafe(length),
): Promise<Buffer> {
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw new RolloutError("replaced", path, `${path} was shortened while it was being read`);
    filled += bytesRead;
  }
  return buffer;
}

const CHUNK_BYTES = 256 * 1024;

/** Yields the bytes of an open file from one offset up to another, in chunks. */
export async function* chunksOf(
  file: ReadableFile,
  path: string,
  start: number,
  end: number,
  chunkBytes = CHUNK_BYTES,
): AsyncGenerator<Buffer, void, undefined> {
  for (let offset = start; offset < end; offset += chunkBytes)
    yield await readExactly(file, path, offset, Math.min(chunkBytes, end - offset));
}
