import { findRollout } from "@plexum/rollout";
import type { RolloutFile } from "./rollout-files.ts";

/** A rollout file of a known thread. */
export interface ThreadFile extends RolloutFile {
  readonly threadId: string;
}

export interface Thread {
  readonly id: string;
  readonly files: [ThreadFile, ...ThreadFile[]];
  /** When one of them was last changed, in milliseconds since 1970. */
  mtimeMs: number;
}

/** A compressed rollout that also stands there plain does not count, as for codex. */
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

/** The file that codex would resume a thread from: of a thread that was reverted, one of several. */
export async function headOf({ id, files }: Thread, codexHome: string, signal?: AbortSignal): Promise<ThreadFile> {
  if (files.length === 1) return files[0];
  const head = await findRollout(id, { codexHome, ...(signal && { signal }) });
  return files.find((file) => file.path === head?.path) ?? newestFileOf({ files });
}

export const newestFileOf = ({ files }: Pick<Thread, "files">): ThreadFile =>
  files.reduce((a, b) => (b.mtimeMs > a.mtimeMs ? b : a));
