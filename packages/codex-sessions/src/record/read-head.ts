import { readSync } from "node:fs";
import { linesOf } from "./rollout-bytes.ts";
import { beginningOf, headOf, type RolloutHead } from "./rollout-head.ts";

/** What a list needs of a person's thread stands in the first few hundred bytes. */
export const PREFIX_BYTES = 4 * 1024;
/** The first line is some 22 KB. */
const CHUNK_BYTES = 32 * 1024;
const NEWLINE = 0x0a;

const shared = Buffer.allocUnsafeSlow(PREFIX_BYTES);

interface HeadRead {
  readonly head: RolloutHead | undefined;
  /** False if it takes more than a few kilobytes to tell. */
  readonly isRead: boolean;
}

/** Reads an open file's first line as far as it has to. */
export function readHeadNow(fd: number, size: number): HeadRead {
  const length = readSync(fd, shared, 0, Math.min(size, PREFIX_BYTES), 0);
  return headIn(shared.subarray(0, length));
}

/** The same of bytes that were read already. */
export function headIn(bytes: Buffer): HeadRead {
  const newline = bytes.indexOf(NEWLINE);
  if (newline > 0) return { head: headOf(bytes.subarray(0, newline)), isRead: true };
  // A blank first line, or a long one of which the beginning tells enough.
  const head = newline === -1 ? headOf(bytes, false) : undefined;
  return { head, isRead: head !== undefined && head.origin === undefined };
}

/** The first line that is not blank, however long it is. */
export async function readHead(path: string, signal?: AbortSignal): Promise<RolloutHead | undefined> {
  for await (const { bytes, isCut } of linesOf(path, { chunkBytes: CHUNK_BYTES, signal }))
    if (bytes.length > 0) return isCut ? beginningOf(bytes) : headOf(bytes);
  return undefined;
}

/** Whether the thread goes on from another file, where the beginning of its first line does not tell. */
export async function withContinuation(path: string, head: RolloutHead, signal?: AbortSignal): Promise<RolloutHead> {
  return head.continues === undefined ? ((await readHead(path, signal)) ?? head) : head;
}
