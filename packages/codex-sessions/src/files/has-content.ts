import { closeSync, constants, openSync, readSync } from "node:fs";

const BEGINNING_BYTES = 64;

/** Whether a file holds anything. Codex can't go on from an empty file (0.135, 0.169); a power failure leaves zeros in one. */
export function hasContent(path: string): boolean {
  try {
    // Does not wait for a writer if it is a pipe.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const bytes = Buffer.alloc(BEGINNING_BYTES);
      return readSync(file, bytes, 0, BEGINNING_BYTES, 0) > 0 && bytes.some((byte) => byte > 0x20);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    // What can't be read is there nevertheless.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}
