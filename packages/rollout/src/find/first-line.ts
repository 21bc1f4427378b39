import { closeSync, constants, openSync, readSync } from "node:fs";

/** The ids are in the first few hundred bytes. */
const PREFIX_BYTES = 4096;

/** Matches a `session_meta` line up to its own id. The keys before it have only strings, numbers and flags (0.135 to 0.169). */
const ID =
  /^\s*\{(?:[^{}]*?,)?\s*"type"\s*:\s*"session_meta"[^{}]*?"payload"\s*:\s*\{(?:[^{}]*?,)?\s*"id"\s*:\s*"([^"]+)"/;

/**
 * Returns the thread that a rollout's first line names. Returns undefined if that can't be determined without reading further: for a
 * compressed file, a file that is not a rollout, or one that can't be read. Reads a few kilobytes, synchronously, since callers look
 * at very few files.
 */
export function threadIdInFirstLine(path: string): string | undefined {
  if (path.endsWith(".zst")) return undefined;
  try {
    // Does not wait for a writer if it is a pipe.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(PREFIX_BYTES);
      const length = readSync(file, buffer, 0, PREFIX_BYTES, 0);
      const text = buffer.toString("utf8", 0, length).trimStart();
      const [line = ""] = text.split("\n", 1);
      return line === text && length === PREFIX_BYTES ? ID.exec(line)?.[1] : idIn(line);
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

function idIn(line: string): string | undefined {
  const { type, payload } = JSON.parse(line);
  return type === "session_meta" && typeof payload?.id === "string" ? payload.id : undefined;
}
