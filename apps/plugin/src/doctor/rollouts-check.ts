import { constants, type Dirent, type Stats, statSync } from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { mutationLeftovers } from "@plexum/rollout";
import { type Check, count, type Outcome, ok, someOf } from "./check.ts";
import { whyUnloadable } from "./unloadable-rollout.ts";

/** How many of the newest rollouts are read. */
const MAX_READ = 20;
/** `sessions/YYYY/MM/DD` */
const MAX_DEPTH = 4;

interface RolloutFile extends Pick<Stats, "size" | "mtimeMs"> {
  readonly path: string;
}

export const rollouts: Check = {
  id: "rollouts",
  meaning: "The threads in these files can't be resumed, listed or mutated.",
  remedy: "Change their owner to the user that the host runs as (chown, chmod u+rw; folders u+rwx).",
  timeoutMs: 60_000,
  async run({ codexHome }, signal) {
    const files: RolloutFile[] = [];
    const faults: string[] = [];
    for (const root of ["sessions", "archived_sessions"])
      await collect(join(codexHome, root), 1, { files, faults, signal });
    const total = `${count(files.length, "rollout")}, ${sizeText(files.reduce((sum, { size }) => sum + size, 0))}`;
    if (faults.length > 0) {
      return {
        status: "error",
        title: `${total}; ${count(faults.length, "file or folder", "files or folders")} not readable and writable`,
        detail: someOf(faults),
      };
    }
    return (await damaged(files, codexHome, signal, total)) ?? ok(total);
  },
};

interface Collection {
  readonly files: RolloutFile[];
  readonly faults: string[];
  readonly signal: AbortSignal;
}

async function collect(folder: string, depth: number, collection: Collection): Promise<void> {
  const { files, faults, signal } = collection;
  const fault = (error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") faults.push(error.message);
    return undefined;
  };
  signal.throwIfAborted();
  const entries = await readdir(folder, { withFileTypes: true }).catch(fault);
  if (entries === undefined) return;
  await access(folder, constants.R_OK | constants.W_OK | constants.X_OK).catch(fault);
  for (const entry of entries) {
    const { name } = entry;
    // Names with a leading dot belong to mutations or the system.
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    if (/\.jsonl(\.zst)?$/.test(name)) {
      signal.throwIfAborted();
      const found = await stat(path).catch(fault);
      if (!found?.isFile()) continue;
      files.push({ path, size: found.size, mtimeMs: found.mtimeMs });
      await access(path, constants.R_OK | constants.W_OK).catch(fault);
    } else if (depth < MAX_DEPTH && (entry.isDirectory() || isLinkedFolder(path, entry)))
      await collect(path, depth + 1, collection);
  }
}

/** Users move old days to another disk; codex and the list of sessions follow the link. A dangling link is not a folder. */
function isLinkedFolder(path: string, entry: Dirent): boolean {
  try {
    return entry.isSymbolicLink() && statSync(path).isDirectory();
  } catch {
    return false;
  }
}

async function damaged(
  files: readonly RolloutFile[],
  codexHome: string,
  signal: AbortSignal,
  total: string,
): Promise<Outcome | undefined> {
  // Reading would finish an interrupted mutation; leftover-mutations reports those, and --fix finishes them.
  const leftovers = new Set((await mutationLeftovers({ codexHome, signal })).map(({ rollout }) => rollout));
  const newest = files
    .filter(({ path }) => path.endsWith(".jsonl") && !leftovers.has(path))
    .sort((a, b) => b.mtimeMs - a.mtimeMs)
    .slice(0, MAX_READ);
  const faults: string[] = [];
  for (const { path } of newest) {
    const fault = await whyUnloadable(path, signal);
    if (fault !== undefined) faults.push(`${path}: ${fault}`);
  }
  if (faults.length === 0) return undefined;
  return {
    status: "warning",
    title: `${total}; codex can't load ${faults.length} of the newest ${newest.length}`,
    detail: someOf(faults),
    meaning:
      "codex refuses to resume these threads. The plugin continues in a new thread with the conversation so far, and logs a warning.",
    remedy:
      "Restore the file from a backup, or repair the reported fault. If the thread is no longer needed, move the file away.",
  };
}

const sizeText = (bytes: number) =>
  bytes < 1e6
    ? `${Math.ceil(bytes / 1e3)} kB`
    : bytes < 1e9
      ? `${(bytes / 1e6).toFixed(1)} MB`
      : `${(bytes / 1e9).toFixed(1)} GB`;
