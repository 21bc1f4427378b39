import { readdirSync, statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { parseRolloutName } from "@plexum/rollout";

/** A file that may be a rollout, by its name and `stat` alone. Its content is not read. */
export interface RolloutFile {
  /** The path relative to the codex home. */
  readonly name: string;
  readonly path: string;
  /** The thread id in the name. Undefined for a file that someone has renamed. */
  readonly threadId: string | undefined;
  readonly size: number;
  readonly mtimeMs: number;
  readonly archived: boolean;
  readonly compressed: boolean;
}

/** `sessions/YYYY/MM/DD` */
const MAX_DEPTH = 4;
/** The number of files between two pauses for other work. */
const BATCH = 1024;

/**
 * Returns every rollout of a codex home, including archived ones. Skips what can't be listed, with a warning.
 *
 * Synchronous except for a pause now and then: one `stat` takes a few microseconds, an asynchronous one many times that.
 */
export async function rolloutFiles(
  codexHome: string,
  warn: (warning: string) => void,
  signal?: AbortSignal,
): Promise<RolloutFile[]> {
  const names: string[] = [];
  for (const root of ["sessions", "archived_sessions"]) collectNames(codexHome, root, 1, names, warn);
  const files: RolloutFile[] = [];
  for (const [number, name] of names.entries()) {
    const file = look(codexHome, name, warn);
    if (file !== undefined) files.push(file);
    if (number % BATCH < BATCH - 1) continue;
    await setImmediate();
    signal?.throwIfAborted();
  }
  return files;
}

function collectNames(
  codexHome: string,
  folder: string,
  depth: number,
  names: string[],
  warn: (warning: string) => void,
): void {
  for (const name of list(`${codexHome}/${folder}`, warn)) {
    // A name with a leading dot is a mutation's or the system's.
    if (name.startsWith(".")) continue;
    const below = `${folder}/${name}`;
    if (name.endsWith(".jsonl") || name.endsWith(".jsonl.zst")) names.push(below);
    else if (depth < MAX_DEPTH && !name.includes(".")) collectNames(codexHome, below, depth + 1, names, warn);
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
  // Much cheaper than `join`, and done thousands of times.
  const path = `${codexHome}/${name}`;
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile()) return undefined;
    return {
      name,
      path,
      threadId: threadIdIn(name.slice(name.lastIndexOf("/") + 1)),
      size: stat.size,
      mtimeMs: stat.mtimeMs,
      archived: name.startsWith("archived_sessions/"),
      compressed: name.endsWith(".zst"),
    };
  } catch (error) {
    warn(`${path} can't be checked: ${(error as Error).message}`);
    return undefined;
  }
}

/** `rollout-YYYY-MM-DDThh-mm-ss-<thread>.jsonl`, the form of nearly all names. Parsing a name takes as long as a `stat` of the file. */
const USUAL_NAME = { length: 70, idStart: 28, idEnd: 64 };

function threadIdIn(name: string): string | undefined {
  return name.length === USUAL_NAME.length && name.startsWith("rollout-") && name.endsWith(".jsonl")
    ? name.slice(USUAL_NAME.idStart, USUAL_NAME.idEnd)
    : parseRolloutName(name)?.threadId;
}
