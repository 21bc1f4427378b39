import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { defaultCodexHome } from "./codex-home.ts";
import { asRolloutError } from "./errors.ts";
import { nodeFiles } from "./files.ts";
import { daysBackward, type FindRolloutOptions, list } from "./find-rollout.ts";
import { acquireLock, BELIEVED_MS, isHeld } from "./mutation-lock.ts";
import { type Recovery, recoverRollout } from "./recover-rollout.ts";
import { sidecarKey } from "./sidecar.ts";

/** What a mutation left that was killed, or lost its machine. */
export interface MutationLeftover {
  /** Undefined if the rollout is gone: then there is nothing to finish. */
  readonly rollout: string | undefined;
  readonly files: readonly string[];
  /**
   * Finishes or drops the mutation, as `recoverRollout` does, and removes the files.
   * @throws RolloutError `busy` if somebody works on the rollout by now; `not-permitted` and the like.
   */
  mend(): Promise<Recovery>;
}

const SIDECAR = /^\.plexum-([0-9a-f]{16})\.(redo|new|lock)(-[0-9a-f-]+|-unreadable)*(-draft)?$/;

/**
 * What interrupted mutations left in a codex home. Recovery happens by itself when a thread is used again; this is for the
 * threads that nobody uses. What a running mutation has there is not among it. Reads directories, and of the files found locks only.
 *
 * @throws RolloutError `not-permitted` or `io` if a directory can't be listed.
 */
export async function mutationLeftovers(options: FindRolloutOptions = {}): Promise<MutationLeftover[]> {
  const { codexHome = defaultCodexHome(), signal } = options;
  const { sidecars, rollouts } = await scan(codexHome, signal);
  const leftovers: MutationLeftover[] = [];
  for (const [key, found] of sidecars) {
    const files = await abandoned(found);
    if (files.length === 0) continue;
    const rollout = rollouts.get(key);
    leftovers.push({ rollout, files, mend: () => mend(codexHome, key, rollout, files) });
  }
  return leftovers;
}

interface Scan {
  /** By the key that their names share. */
  readonly sidecars: ReadonlyMap<string, readonly string[]>;
  /** Of those keys: the rollout they are named after. */
  readonly rollouts: ReadonlyMap<string, string>;
}

async function scan(codexHome: string, signal?: AbortSignal): Promise<Scan> {
  const sidecars = new Map<string, Set<string>>();
  const names: [folder: string, name: string][] = [];
  for (const folder of folders(codexHome)) {
    // A listing is some microseconds of not letting others run.
    await setImmediate();
    signal?.throwIfAborted();
    for (const name of list(folder)) {
      const key = SIDECAR.exec(name)?.[1];
      if (key !== undefined) sidecars.set(key, (sidecars.get(key) ?? new Set()).add(join(folder, name)));
      else if (/\.jsonl(\.zst)?$/.test(name)) names.push([folder, name]);
    }
  }
  const rollouts = new Map<string, string>();
  if (sidecars.size > 0)
    for (const [folder, name] of names) {
      const key = sidecarKey(name);
      if (sidecars.has(key)) rollouts.set(key, join(folder, name));
    }
  return { sidecars: new Map([...sidecars].map(([key, paths]) => [key, [...paths]])), rollouts };
}

/** The archive is looked at before and after the rest: codex may be moving a rollout to or from there. */
function* folders(codexHome: string): Generator<string, void, undefined> {
  const archive = join(codexHome, "archived_sessions");
  const sessions = join(codexHome, "sessions");
  yield archive;
  for (const day of daysBackward(sessions)) yield join(sessions, day);
  yield archive;
}

const isLock = (path: string) => /\.lock[^/]*$/.test(path);
const isDraft = (path: string) => path.endsWith("-draft");

/** None if a process that lives holds one of the locks: then the rest is its own. */
async function abandoned(found: readonly string[]): Promise<string[]> {
  const isInUse = async () => {
    for (const path of found) if (isLock(path) && !isDraft(path) && (await isHeld(nodeFiles, path))) return true;
    return false;
  };
  if (await isInUse()) return [];
  const files: string[] = [];
  for (const path of found) {
    const stat = await nodeFiles.stat(path);
    // A draft is there for less than a moment, by whomever.
    const isOwned = isDraft(path) && stat !== undefined && Date.now() - Number(stat.mtimeMs) < BELIEVED_MS;
    if (stat !== undefined && !isOwned) files.push(path);
  }
  // What was there when the directory was listed may belong to a mutation that has begun since.
  return (await isInUse()) ? [] : files;
}

async function mend(
  codexHome: string,
  key: string,
  rollout: string | undefined,
  files: readonly string[],
): Promise<Recovery> {
  try {
    const recovery = rollout === undefined ? await drop(codexHome, key, files) : await recoverRollout(rollout);
    for (const path of files.filter(isLock)) {
      if ((await nodeFiles.stat(path)) === undefined) continue;
      if (isDraft(path)) await nodeFiles.unlink(path);
      // Who gets it takes it from its holder that is gone, and giving it back removes it.
      else await (await acquireLock(nodeFiles, path, { waitMs: 0 }))[Symbol.asyncDispose]();
    }
    return recovery;
  } catch (error) {
    throw asRolloutError(error, files[0] ?? codexHome, "clean up after a mutation,");
  }
}

/** Of a rollout that is gone there is nothing to finish. */
async function drop(codexHome: string, key: string, files: readonly string[]): Promise<Recovery> {
  const content = files.filter((path) => !isLock(path));
  const [first] = content;
  if (first === undefined) return "clean";
  // It may have come back: somebody had moved it out of the way.
  const { rollouts } = await scan(codexHome);
  const rollout = rollouts.get(key);
  if (rollout !== undefined) return recoverRollout(rollout);
  await using _lock = await acquireLock(nodeFiles, join(dirname(first), `.plexum-${key}.lock`), { waitMs: 0 });
  for (const path of content) await nodeFiles.unlink(path);
  return "dropped";
}
