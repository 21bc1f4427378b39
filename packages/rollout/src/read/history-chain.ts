import { splitLines } from "@plexum/jsonl";
import { RolloutError } from "../errors.ts";
import { codexHomeOf } from "../find/codex-home.ts";
import { findRolloutFile } from "../find/find-rollout.ts";
import { chunksOf, type OpenRollout, openRollout, type ReadableFile } from "./open-rollout.ts";
import { toRolloutEntry } from "./rollout-entry.ts";
import type { SessionMeta } from "./rollout-line.ts";

/** A part of a thread's history: one file, up to where the next one continues it. */
export interface HistorySegment {
  readonly path: string;
  readonly threadId: string;
  /** The offset at which the part ends. Undefined for the thread's own file, all of which belongs to the history. */
  readonly end: number | undefined;
}

/** More than any thread has. Without a limit, a file that continues itself, or two that continue each other, would never end. */
export const MAX_SEGMENTS = 256;

export const tooManySegments = (path: string) =>
  new RolloutError("damaged", path, `${path} continues more than ${MAX_SEGMENTS} other files`);

/** The first line is some 20 KB. */
const HEAD_BYTES = 32 * 1024;

/**
 * Returns the files that contain a thread's history, oldest first. A fork continues a part of another thread's file, and a reverted
 * thread continues a part of its own earlier file (codex 0.148 and later).
 *
 * @throws RolloutError `not_found` if a file that the history continues does not exist; `damaged` if there are more than 256 files;
 * `not_a_file`, `not_permitted`, `no_space`, `io`.
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
        `${rollout.path} continues rollout ${base.thread_id}, which is not in ${codexHome ?? "a codex home"}`,
      );
    next = found.path;
    end = base.end_byte_offset;
  }
  return segments;
}

/** Returns the file's first line that is not blank, if it is a `session_meta`. Codex rejects a file without one (0.135, 0.169). */
export async function readSessionMeta(
  rollout: Pick<OpenRollout, "path" | "size"> & { readonly file: ReadableFile },
): Promise<SessionMeta | undefined> {
  return sessionMetaIn(rollout.path, chunksOf(rollout.file, rollout.path, 0, rollout.size, HEAD_BYTES));
}

/** Does the same for a file that is read as a stream. Reads no further than its first line. */
export async function sessionMetaIn(path: string, chunks: AsyncIterable<Uint8Array>): Promise<SessionMeta | undefined> {
  for await (const split of splitLines(chunks)) {
    const entry = toRolloutEntry(path, split);
    if (entry !== undefined)
      return entry.kind === "line" && entry.line.type === "session_meta" ? entry.line.payload : undefined;
  }
  return undefined;
}
