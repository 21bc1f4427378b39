import { findRollout, threadIdInFirstLine } from "@plexum/rollout";
import { hasContent } from "./files/has-content.ts";
import type { RolloutFile } from "./files/rollout-files.ts";

/** A rollout file of a known thread. */
export interface ThreadFile extends RolloutFile {
  readonly threadId: string;
}

export interface Thread {
  readonly id: string;
  readonly files: [ThreadFile, ...ThreadFile[]];
  /** When one of its files was last changed, in milliseconds since 1970. */
  mtimeMs: number;
}

/** Groups files by thread. Ignores a compressed rollout that also exists in plain form, like codex. */
export function groupByThread(files: readonly ThreadFile[]): Thread[] {
  const isCompressed = files.some((file) => file.compressed);
  const plain = new Set(isCompressed ? files.map((file) => file.path) : []);
  const threads = new Map<string, Thread>();
  for (const file of files) {
    if (file.compressed && plain.has(file.path.slice(0, -".zst".length))) continue;
    const thread = threads.get(file.threadId);
    if (thread === undefined) {
      threads.set(file.threadId, { id: file.threadId, files: [file], mtimeMs: file.mtimeMs });
    } else {
      thread.files.push(file);
      thread.mtimeMs = Math.max(thread.mtimeMs, file.mtimeMs);
    }
  }
  return Array.from(threads.values());
}

/** Returns the file that codex would resume a thread from. A reverted thread has several. Empty files don't count. */
export async function headOf({ id, files }: Thread, codexHome: string, signal?: AbortSignal): Promise<ThreadFile> {
  const [first] = files;
  if (files.length === 1) return first;
  const head = await findRollout(id, { codexHome, ...(signal && { signal }) });
  const found = files.find((file) => file.path === head?.path);
  if (found !== undefined && hasContent(found.path)) return found;
  const [some = first, ...others] = files.filter((file) => hasContent(file.path));
  return newestFileOf({ files: [some, ...others] });
}

export const newestFileOf = ({ files }: Pick<Thread, "files">): ThreadFile =>
  files.reduce((a, b) => (b.mtimeMs > a.mtimeMs ? b : a));

/**
 * Returns the files with a thread's name that contain another thread, each with its id. Someone who copies a session by hand may
 * give the copy such a name.
 */
export const misnamedFiles = ({ id, files }: Thread): { readonly id: string; readonly file: ThreadFile }[] =>
  files.length === 1
    ? []
    : files.flatMap((file) => {
        const own = threadIdInFirstLine(file.path);
        return own === undefined || own === id ? [] : [{ id: own, file }];
      });
