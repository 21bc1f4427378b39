import { readdirSync, statSync } from "node:fs";
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
    // What begins with a dot is a mutation's or a system's.
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
  // Much cheaper than `join` for what is done thousands of times.
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
    warn(`${path} can't be looked at: ${(error as Error).message}`);
    return undefined;
  }
}

/** `rollout-YYYY-MM-DDThh-mm-ss-<thread>.jsonl`, as nearly all are: to take its name apart takes as long as to look at the file. */
const USUAL_NAME = { length: 70, idStart: 28, idEnd: 64 };

function threadIdIn(name: string): string | undefined {
  return name.length === USUAL_NAME.length && name.startsWith("rollout-") && name.endsWith(".jsonl")
    ? name.slice(USUAL_NAME.idStart, USUAL_NAME.idEnd)
    : parseRolloutName(name)?.threadId;
}
