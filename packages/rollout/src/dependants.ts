import { basename, dirname, join } from "node:path";
import { codexHomeOf } from "./codex-home.ts";
import type { Files } from "./files.ts";
import { dayOf, daysBackward, list } from "./find-rollout.ts";
import { readSessionMeta } from "./history-chain.ts";
import { openRollout } from "./open-rollout.ts";
import { parseRolloutName, uuidTime } from "./rollout-name.ts";

/** Another file whose history goes on from a part of this one. */
export interface Dependant {
  readonly path: string;
  readonly threadId: string;
  /** It goes on from the bytes before this offset. */
  readonly end: number;
}

/** Between two clocks, or the two that codex takes a file's name and a line's time from. */
const SLACK_MS = 60_000;
const DAY_MS = 86_400_000;
/** A `session_meta` with its base instructions is some 20 KB. */
const HEAD_BYTES = 128 * 1024;
const NEWLINE = 0x0a;

/**
 * The rollouts that go on from this one: forks of its thread, and its own thread after a revert.
 *
 * A file goes on only from what was there when it was made, so only files made after a line was written can show that line. For
 * a recent line that is a handful of names; none of them is opened whose id tells that it is older.
 *
 * @param since When the first line in question was written, in milliseconds since 1970; `undefined` if that is not known.
 */
export async function findDependants(path: string, since: number | undefined, files: Files): Promise<Dependant[]> {
  const home = codexHomeOf(path);
  const self = parseRolloutName(basename(path));
  if (home === undefined || self === undefined) return [];
  const from = (since ?? 0) - SLACK_MS;
  const dependants: Dependant[] = [];
  const look = async (folder: string) => {
    for (const file of list(folder)) {
      const name = file.startsWith("rollout-") ? parseRolloutName(file) : undefined;
      if (name === undefined || name.rolloutId === self.rolloutId) continue;
      if ((uuidTime(name.rolloutId) ?? Number.POSITIVE_INFINITY) < from) continue;
      const candidate = join(folder, file);
      if (!name.compressed && !(await headHolds(files, candidate, self.rolloutId))) continue;
      const base = await historyBaseOf(candidate);
      if (base?.rolloutId === self.rolloutId)
        dependants.push({ path: candidate, threadId: name.threadId, end: base.end });
    }
  };
  // Codex names the directories by a local date, whatever the time zone was.
  const firstDay = from > DAY_MS ? dayOf(from - DAY_MS) : "";
  for (const day of daysBackward(join(home, "sessions"))) {
    if (day < firstDay) break;
    await look(join(home, "sessions", day));
  }
  const archive = join(home, "archived_sessions");
  const changed = await files.stat(archive);
  if (dirname(path) === archive || (changed !== undefined && Number(changed.mtimeMs) >= from)) await look(archive);
  return dependants;
}

/** True if the first line may hold the text: most rollouts are ruled out by one read. */
async function headHolds(files: Files, path: string, text: string): Promise<boolean> {
  const file = await files.open(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(HEAD_BYTES);
    const { bytesRead } = await file.read(buffer, 0, HEAD_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    const newline = head.indexOf(NEWLINE);
    return newline === -1 || head.subarray(0, newline).includes(text);
  } finally {
    await file.close();
  }
}

async function historyBaseOf(path: string): Promise<{ rolloutId: string; end: number } | undefined> {
  await using rollout = await openRollout(path);
  const base = (await readSessionMeta(rollout))?.history_base;
  return base ? { rolloutId: base.thread_id, end: base.end_byte_offset } : undefined;
}
