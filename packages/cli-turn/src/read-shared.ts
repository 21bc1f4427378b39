import { closeSync, openSync, readSync } from "node:fs";

let buffer = Buffer.allocUnsafe(64 * 1024);

/**
 * Reads a small file of /proc into a shared buffer: the result is valid only until the next call. Returns undefined if the
 * process has ended or belongs to another user. Takes half the time of `readFileSync`.
 */
export function readShared(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    for (let length = 0; ; ) {
      const bytesRead = readSync(file, buffer, length, buffer.length - length, null);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
      if (length === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
    }
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
