import { join } from "node:path";
import { openRegularFile } from "@plexum/session-store";
import { linesOf } from "../record/rollout-bytes.ts";
import { guardAt } from "./growth-guard.ts";

/** The content of a file to which codex only appends, and what is needed to continue reading when it has grown. */
export interface GrowingFile<Entry> {
  readonly size: number;
  readonly mtimeMs: number;
  readonly end: number;
  readonly guard: string;
  /** Lines that could not be read. */
  readonly damaged: number;
  readonly entries: Readonly<Record<string, Entry>>;
}

/** Adds a line to the entries. Returns false if the line can't be read. */
export type TakeLine<Entry> = (entries: Map<string, Entry>, line: Buffer) => boolean;

/**
 * Reads a file of a codex home, or only what was appended to it. Returns undefined if there is no file. Pass `stored` as `known` next
 * time. `entries` also includes a last line without a newline, if it is complete.
 */
export async function readGrowing<Entry>(
  codexHome: string,
  name: string,
  known: GrowingFile<Entry> | undefined,
  take: TakeLine<Entry>,
  signal?: AbortSignal,
): Promise<{ stored: GrowingFile<Entry>; entries: Readonly<Record<string, Entry>> } | undefined> {
  const path = join(codexHome, name);
  const handle = await openRegularFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  await using file = handle;
  const { size, mtimeMs } = await file.stat();
  if (known?.size === size && known.mtimeMs === mtimeMs && known.end === size)
    return { stored: known, entries: known.entries };
  // Codex removes the beginning of a long history.
  const earlier =
    known !== undefined && known.end <= size && known.guard === (await guardAt(file, known.end)) ? known : undefined;
  const entries = new Map(Object.entries(earlier?.entries ?? {}));
  let { damaged = 0, end = 0 } = earlier ?? {};
  let last: Buffer | undefined;
  for await (const { bytes, offset, terminated } of linesOf(path, { start: end, end: size, signal })) {
    // The line may still be incomplete, so the next call reads it again.
    if (!terminated) {
      last = bytes;
      break;
    }
    end = offset + bytes.length + 1;
    if (!take(entries, bytes)) damaged++;
  }
  const stored = { size, mtimeMs, end, guard: await guardAt(file, end), damaged, entries: Object.fromEntries(entries) };
  return { stored, entries: last !== undefined && take(entries, last) ? Object.fromEntries(entries) : stored.entries };
}
