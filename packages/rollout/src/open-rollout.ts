import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { asRolloutError, isErrno, RolloutError } from "./errors.ts";
import { existing } from "./find-rollout.ts";

/** A rollout opened for reading. Of a compressed one it is a decompressed copy, which is gone when it is closed. */
export interface OpenRollout extends AsyncDisposable {
  /** The file that was found: with or without `.zst`, whatever was asked for. */
  readonly path: string;
  readonly file: FileHandle;
  /** In bytes, when it was opened. */
  readonly size: number;
}

/** @throws RolloutError */
export async function openRollout(path: string, signal?: AbortSignal): Promise<OpenRollout> {
  const found = existing(path) ?? path;
  try {
    const file = found.endsWith(".zst") ? await decompressed(found, signal) : await open(found, "r");
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new RolloutError("not-a-file", found, `${found} is not a file; name a rollout file`);
      return { path: found, file, size: stat.size, [Symbol.asyncDispose]: () => file.close() };
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    throw asRolloutError(error, found, "read");
  }
}

async function decompressed(path: string, signal?: AbortSignal): Promise<FileHandle> {
  const copy = join(tmpdir(), `rollout-copy-${randomUUID()}`);
  const file = await open(copy, "wx+", 0o600);
  try {
    // Without a name it can't be left behind, however this process ends. (Windows keeps it until the temp folder is cleaned.)
    await rm(copy).catch(() => {});
    await decompressInto(path, file, signal);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Writes what a `.zst` file holds to the beginning of an open file.
 *
 * @throws RolloutError `damaged` if it isn't zstd, or ends too early.
 */
export async function decompressInto(
  path: string,
  file: { write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<unknown> },
  signal?: AbortSignal,
): Promise<void> {
  let position = 0;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      file.write(chunk, 0, chunk.length, position).then(() => done(), done);
      position += chunk.length;
    },
  });
  try {
    await pipeline(createReadStream(path), createZstdDecompress(), sink, { signal });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!isErrno(error, "Z_BUF_ERROR") && !code?.startsWith("ZSTD_")) throw error;
    throw new RolloutError("damaged", path, `${path} can't be decompressed: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** What reading at a place needs of an open file. */
export interface ReadableFile {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
}

/** Reads exactly `length` bytes. @throws RolloutError `replaced` if the file ends before. */
export async function readExactly(file: ReadableFile, path: string, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw new RolloutError("replaced", path, `${path} was shortened while it was being read`);
    filled += bytesRead;
  }
  return buffer;
}

const CHUNK_BYTES = 256 * 1024;

/** The bytes of an open file from one offset to another, in chunks. */
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
