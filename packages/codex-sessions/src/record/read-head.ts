import { readSync } from "node:fs";
import { linesOf } from "./rollout-bytes.ts";
import { beginningOf, headOf, type RolloutHead } from "./rollout-head.ts";

/** For a thread that the user started, a list needs only the first few hundred bytes. */
export const PREFIX_BYTES = 4 * 1024;
/** The first line has some 22 KB. */
const CHUNK_BYTES = 32 * 1024;
const NEWLINE = 0x0a;

const shared = Buffer.allocUnsafeSlow(PREFIX_BYTES);

interface HeadRead {
  readonly head: RolloutHead | undefined;
  /** False if more than a few kilobytes have to be read. */
  readonly isRead: boolean;
}

/** Reads as much of an open file's first line as needed. */
export function readHeadNow(fd: number, size: number): HeadRead {
  const length = readSync(fd, shared, 0, Math.min(size, PREFIX_BYTES), 0);
  return headIn(shared.subarray(0, length));
}

/** Does the same for bytes that were already read. */
export function headIn(bytes: Buffer): HeadRead {
  const newline = bytes.indexOf(NEWLINE);
  if (newline > 0) return { head: headOf(bytes.subarray(0, newline)), isRead: true };
  // The first line is blank, or is long and its beginning is enough.
  const head = newline === -1 ? headOf(bytes, false) : undefined;
  return { head, isRead: head !== undefined && head.origin === undefined };
}

/** Reads the first line that is not blank, however long it is. */
export async function readHead(path: string, signal?: AbortSignal): Promise<RolloutHead | undefined> {
  for await (const { bytes, isCut } of linesOf(path, { chunkBytes: CHUNK_BYTES, signal }))
    if (bytes.length > 0) return isCut ? beginningOf(bytes) : headOf(bytes);
  return undefined;
}

/** Adds whether the thread continues from another file, if the beginning of its first line does not say that. */
export async function withContinuation(path: string, head: RolloutHead, signal?: AbortSignal): Promise<RolloutHead> {
  return head.continues === undefined ? ((await readHead(path, signal)) ?? head) : head;
}
