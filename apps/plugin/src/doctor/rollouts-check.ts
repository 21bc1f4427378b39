import { constants, type Stats } from "node:fs";
import { access, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Check, count, type Outcome, ok, someOf } from "./check.ts";

/** So many of the newest are looked into. */
const HEADS = 20;
/** A rollout's first line holds codex's instructions to the model: some 22 KB. */
const MAX_HEAD_BYTES = 1024 * 1024;
/** `sessions/YYYY/MM/DD` */
const MAX_DEPTH = 4;

interface RolloutFile extends Pick<Stats, "size" | "mtimeMs"> {
  readonly path: string;
}

export const rollouts: Check = {
  id: "rollouts",
  meaning: "The threads in these files can't be resumed, listed, or made to forget.",
  remedy: "Give them to the user that the host runs as (chown, chmod u+rw; folders u+rwx).",
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
    return (await damagedHeads(files, signal, total)) ?? ok(total);
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
    // What begins with a dot is a mutation's or a system's.
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    if (/\.jsonl(\.zst)?$/.test(name)) {
      signal.throwIfAborted();
      const found = await stat(path).catch(fault);
      if (!found?.isFile()) continue;
      files.push({ path, size: found.size, mtimeMs: found.mtimeMs });
      await access(path, constants.R_OK | constants.W_OK).catch(fault);
    } else if (depth < MAX_DEPTH && entry.isDirectory()) await collect(path, depth + 1, collection);
  }
}

async function damagedHeads(
  files: readonly RolloutFile[],
  signal: AbortSignal,
  total: string,
): Promise<Outcome | undefined> {
  const newest = files
    .filter(({ path }) => path.endsWith(".jsonl"))
    .sort((a, b) => b.mtimeMs - a.mtimeMs)
    .slice(0, HEADS);
  const damaged: string[] = [];
  for (const { path } of newest) {
    signal.throwIfAborted();
    if (!(await beginsAsRollout(path))) damaged.push(path);
  }
  if (damaged.length === 0) return undefined;
  return {
    status: "warning",
    title: `${total}; ${damaged.length} of the newest ${newest.length} do not begin as a rollout must`,
    detail: someOf(damaged),
    meaning: "codex can't resume these threads. A workspace that goes on with one begins a fresh thread.",
    remedy: "Move the files away if nobody needs them. The first line must be the session_meta that codex wrote.",
  };
}

async function beginsAsRollout(path: string): Promise<boolean> {
  await using file = await open(path, "r").catch(unlessGone);
  // codex archives and deletes while this looks.
  if (file === undefined) return true;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_HEAD_BYTES), 0, MAX_HEAD_BYTES, 0);
  const [line = ""] = buffer.toString("utf8", 0, bytesRead).trimStart().split("\n", 1);
  try {
    const { type, payload } = JSON.parse(line);
    return type === "session_meta" && typeof payload?.id === "string";
  } catch {
    return false;
  }
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

const sizeText = (bytes: number) =>
  bytes < 1e6
    ? `${Math.ceil(bytes / 1e3)} kB`
    : bytes < 1e9
      ? `${(bytes / 1e6).toFixed(1)} MB`
      : `${(bytes / 1e9).toFixed(1)} GB`;
