import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { parseRolloutName } from "@plexum/rollout";

/** A file that codex may have put there as a rollout, as the system tells of it: nothing of it is read. */
export interface RolloutFile {
  /** Below the codex home. */
  readonly name: string;
  readonly path: string;
  /** As the name says; undefined for a file that someone has renamed. */
  readonly threadId: string | undefined;
  readonly size: number;
  readonly mtimeMs: number;
  readonly archived: boolean;
  readonly compressed: boolean;
}

/** `sessions/YYYY/MM/DD` */
const MAX_DEPTH = 4;
/** So many files are looked at before others get their turn. */
const BATCH = 1024;

/**
 * Every rollout of a codex home, archived ones too. What can't be listed is passed over, with a warning.
 *
 * Synchronous but for a breath now and then: one look takes some microseconds, waiting for one many times that.
 */
export async function rolloutFiles(
  codexHome: string,
  warn: (warning: string) => void,
  signal?: AbortSignal,
): Promise<RolloutFile[]> {
  const files: RolloutFile[] = [];
  for (const root of ["sessions", "archived_sessions"])
    for (const name of namesBelow(codexHome, root, 1, warn)) {
      const file = look(codexHome, name, warn);
      if (file === undefined) continue;
      files.push(file);
      if (files.length % BATCH > 0) continue;
      await setImmediate();
      signal?.throwIfAborted();
    }
  return files;
}

function* namesBelow(
  codexHome: string,
  folder: string,
  depth: number,
  warn: (warning: string) => void,
): Generator<string, void, undefined> {
  for (const name of list(join(codexHome, folder), warn)) {
    // What begins with a dot is a mutation's or a system's.
    if (name.startsWith(".")) continue;
    const below = `${folder}/${name}`;
    if (name.endsWith(".jsonl") || name.endsWith(".jsonl.zst")) yield below;
    else if (depth < MAX_DEPTH && !name.includes(".")) yield* namesBelow(codexHome, below, depth + 1, warn);
  }
}

function list(folder: string, warn: (warning: string) => void): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR") warn(`${folder} can't be listed: ${message}`);
    return [];
  }
}

function look(codexHome: string, name: string, warn: (warning: string) => void): RolloutFile | undefined {
  // Much cheaper than `join` for what is done thousands of times.
  const path = `${codexHome}/${name}`;
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile()) return undefined;
    return {
      name,
      path,
      threadId: parseRolloutName(name.slice(name.lastIndexOf("/") + 1))?.threadId,
      size: stat.size,
      mtimeMs: stat.mtimeMs,
      archived: name.startsWith("archived_sessions/"),
      compressed: name.endsWith(".zst"),
    };
  } catch (error) {
    warn(`${path} can't be looked at: ${(error as Error).message}`);
    return undefined;
  }
}
