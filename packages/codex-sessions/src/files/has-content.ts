import { closeSync, constants, openSync, readSync } from "node:fs";

const BEGINNING_BYTES = 64;

/** Returns whether a file has any content. Codex can't resume from an empty file (0.135, 0.169); a power failure can leave only zeros. */
export function hasContent(path: string): boolean {
  try {
    // O_NONBLOCK: if it is a pipe, don't wait for a writer.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const bytes = Buffer.alloc(BEGINNING_BYTES);
      return readSync(file, bytes, 0, BEGINNING_BYTES, 0) > 0 && bytes.some((byte) => byte > 0x20);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    // A file that can't be read still exists.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}
