import { basename, dirname, join } from "node:path";
import { type Files, sameFile } from "@plexum/jsonl-edit";
import { asRolloutError, isErrno, RolloutError } from "../errors.ts";
import { dayOf, daysBackward, existingForm, list } from "../find/find-rollout.ts";
import { parseRolloutName, uuidTime } from "../find/rollout-name.ts";
import { readSessionMeta, sessionMetaIn } from "../read/history-chain.ts";
import { unpack } from "../read/open-rollout.ts";
import type { SessionMeta } from "../read/rollout-line.ts";

/** Another file whose history continues a part of this one. */
export interface Dependent {
  readonly path: string;
  readonly threadId: string;
  /** It continues the bytes before this offset. */
  readonly end: number;
}

/** The tolerated difference between clocks: of two machines, or of those from which codex takes a file's name and a line's time. */
const SLACK_MS = 60_000;
const DAY_MS = 86_400_000;
/** A `session_meta` with its base instructions is some 20 KB. */
const HEAD_BYTES = 128 * 1024;
/** Errors of files that codex can't read either: a broken or circular link. */
const NOTHING = ["ENOENT", "ENOTDIR", "ELOOP"];
const NEWLINE = 0x0a;

/**
 * Returns the rollouts that continue this one: forks of its thread, and its own thread after a revert.
 *
 * A file continues only lines that existed when it was created. So only files created after a line was written can show that line.
 * For a recent line these are few. A file is not opened if its id shows that it is older.
 *
 * Skips anything that has a rollout's name and is not one (a folder, a pipe, a broken link, a damaged file), since codex can't continue
 * it either. A file that this user may not read is an error, since its thread may show a line that is to be edited.
 *
 * @param since When the first line in question was written, in milliseconds since 1970. Undefined if that is not known.
 * @throws RolloutError that names the file that could not be read.
 */
export async function findDependents(
  files: Files,
  codexHome: string | undefined,
  path: string,
  since: number | undefined,
): Promise<Dependent[]> {
  const self = parseRolloutName(basename(path));
  if (codexHome === undefined || self === undefined) return [];
  const from = (since ?? 0) - SLACK_MS;
  const dependents: Dependent[] = [];
  const look = async (folder: string) => {
    for (const file of list(folder)) {
      const name = file.startsWith("rollout-") ? parseRolloutName(file) : undefined;
      if (name === undefined || name.rolloutId === self.rolloutId) continue;
      if ((uuidTime(name.rolloutId) ?? Number.POSITIVE_INFINITY) < from) continue;
      const candidate = join(folder, file);
      const base = await baseIn(files, candidate, self.rolloutId);
      if (base) dependents.push({ path: candidate, threadId: name.threadId, end: base.end_byte_offset });
    }
  };
  // Codex names the directories by the local date, in any time zone.
  const firstDay = from > DAY_MS ? dayOf(from - DAY_MS) : "";
  const sessions = join(codexHome, "sessions");
  for (const day of daysBackward(sessions)) {
    if (day < firstDay) break;
    await look(join(sessions, day));
  }
  const archive = join(codexHome, "archived_sessions");
  const stat = await files.stat(archive);
  if (stat !== undefined && (Number(stat.mtimeMs) >= from || sameFile(stat, await files.stat(dirname(path)))))
    await look(archive);
  return dependents;
}

/** Returns the point at which a file continues the wanted rollout, if it does. */
async function baseIn(files: Files, listed: string, rolloutId: string): Promise<SessionMeta["history_base"]> {
  // Codex may have compressed or unpacked it since it was listed.
  const path = existingForm(listed) ?? listed;
  try {
    if (!(await files.stat(path))?.isFile()) return undefined;
    const base = (await metaNaming(files, path, rolloutId))?.history_base;
    return base?.thread_id === rolloutId ? base : undefined;
  } catch (error) {
    if (isErrno(error, ...NOTHING) || (RolloutError.isInstance(error) && error.code === "damaged")) return undefined;
    throw asRolloutError(error, path, "look for forks in");
  }
}

/** Returns a file's `session_meta`, if it may name the rollout. One read rules out most files. */
async function metaNaming(files: Files, path: string, rolloutId: string): Promise<SessionMeta | undefined> {
  if (path.endsWith(".zst")) return sessionMetaIn(path, unpack(path));
  const file = await files.open(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(HEAD_BYTES);
    const { bytesRead } = await file.read(buffer, 0, HEAD_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    const newline = head.indexOf(NEWLINE);
    if (newline !== -1 && !head.subarray(0, newline).includes(rolloutId)) return undefined;
    return await readSessionMeta({ path, file, size: Number((await file.stat()).size) });
  } finally {
    await file.close();
  }
}
