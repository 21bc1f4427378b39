import { splitLines } from "@plexum/jsonl";
import { RolloutError } from "../errors.ts";
import { codexHomeOf } from "../find/codex-home.ts";
import { findRolloutFile } from "../find/find-rollout.ts";
import { chunksOf, type OpenRollout, openRollout, type ReadableFile } from "./open-rollout.ts";
import { toRolloutEntry } from "./rollout-entry.ts";
import type { SessionMeta } from "./rollout-line.ts";

/** A part of a thread's history: one file, up to where the next one goes on. */
export interface HistorySegment {
  readonly path: string;
  readonly threadId: string;
  /** The part ends before this offset; undefined for the thread's own file, which ends where it ends. */
  readonly end: number | undefined;
}

/** More than any thread has: a file that goes on from itself, or two from each other, would be followed without end. */
export const MAX_SEGMENTS = 256;

export const tooManySegments = (path: string) =>
  new RolloutError("damaged", path, `${path} goes on from more than ${MAX_SEGMENTS} other files`);

/** The first line is some 20 KB. */
const HEAD_BYTES = 32 * 1024;

/**
 * The files that a thread's history stands in, oldest first: a fork goes on from a part of another thread's file, and a
 * reverted thread from a part of its own earlier one (codex 0.148 and later).
 *
 * @throws RolloutError `not_found` if a file that the history goes on from is gone.
 */
export async function historyChain(
  path: string,
  options: { readonly codexHome?: string; readonly signal?: AbortSignal } = {},
): Promise<HistorySegment[]> {
  const codexHome = options.codexHome ?? codexHomeOf(path);
  const segments: HistorySegment[] = [];
  for (let next: string | undefined = path, end: number | undefined; next !== undefined; ) {
    await using rollout: OpenRollout = await openRollout(next, options.signal);
    const meta = await readSessionMeta(rollout);
    segments.unshift({ path: rollout.path, threadId: meta?.id ?? "", end });
    const base: SessionMeta["history_base"] = meta?.history_base;
    if (!base) break;
    if (segments.length >= MAX_SEGMENTS) throw tooManySegments(path);
    const found = codexHome === undefined ? undefined : await findRolloutFile(codexHome, base.thread_id);
    if (found === undefined)
      throw new RolloutError(
        "not_found",
        rollout.path,
        `${rollout.path} goes on from rollout ${base.thread_id}, which is not in ${codexHome ?? "a codex home"}`,
      );
    next = found.path;
    end = base.end_byte_offset;
  }
  return segments;
}

/** The file's first line that is not blank, if it is a `session_meta`: otherwise codex does not take the file (0.135, 0.169). */
export async function readSessionMeta(
  rollout: Pick<OpenRollout, "path" | "size"> & { readonly file: ReadableFile },
): Promise<SessionMeta | undefined> {
  return sessionMetaIn(rollout.path, chunksOf(rollout.file, rollout.path, 0, rollout.size, HEAD_BYTES));
}

/** The same of a file that is read as a stream, and no further than its first line. */
export async function sessionMetaIn(path: string, chunks: AsyncIterable<Uint8Array>): Promise<SessionMeta | undefined> {
  for await (const split of splitLines(chunks)) {
    const entry = toRolloutEntry(path, split);
    if (entry !== undefined)
      return entry.kind === "line" && entry.line.type === "session_meta" ? entry.line.payload : undefined;
  }
  return undefined;
}
