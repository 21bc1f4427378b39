import type { FileHandle } from "node:fs/promises";

const GUARD_BYTES = 64;

/** Returns the bytes just before an offset, in base64. While they are unchanged, a file that was read up to there has only grown. */
export async function guardAt(file: FileHandle, end: number): Promise<string> {
  const length = Math.min(GUARD_BYTES, end);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, end - length);
  return buffer.toString("base64", 0, bytesRead);
}
