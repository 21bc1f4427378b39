import { randomBytes } from "node:crypto";
import {
  type FileHandle,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ProfileError } from "./errors.ts";

/**
 * Returns a file's text, or undefined if there is no file. Refuses a file that is not UTF-8, since it could not be written back
 * unchanged.
 */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof TypeError) throw new ProfileError("invalid_file", `${path} is not UTF-8: correct it.`);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unusable(path, "read", error);
    if (!(await isThere(path))) return undefined;
    const remedy = "create that file, or remove the link";
    throw new ProfileError("invalid_file", `${path} is a link to a file that is not there: ${remedy}.`);
  }
}

/** Returns whether anything has that name. A broken link counts. */
export const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/**
 * Replaces a file's content in one step: a reader sees the old content or the new, even after a crash. An existing file keeps
 * its owner, and a symbolic link to it stays. A new file belongs to the owner of its folder.
 *
 * @param mode Default: the existing file's mode, else 0644, limited by the umask.
 */
export async function replaceFile(path: string, content: string, mode?: number): Promise<void> {
  try {
    const target = await realpath(path).catch(() => path);
    const present = await stat(target).catch(() => undefined);
    const wantedMode = mode ?? (present && present.mode & 0o7777);
    const temporary = temporaryFor(target);
    try {
      // Nobody else may read a private file's content, not even for a moment.
      const file = await open(temporary, "wx", wantedMode === undefined ? 0o644 : 0o600);
      try {
        await belongAs(file, present ?? (await stat(dirname(target))));
        if (wantedMode !== undefined) await file.chmod(wantedMode);
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await move(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  } catch (error) {
    throw unusable(path, "written", error);
  }
}

/** Renames, and resolves when the rename is on disk: even after a power failure, later changes don't appear without it. */
export async function move(from: string, to: string): Promise<void> {
  await rename(from, to);
  for (const folder of new Set([dirname(to), dirname(from)])) await syncFolder(folder);
}

/** Flushes a folder to disk, on systems that can. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

/**
 * Returns a name beside `path` for its replacement, or for what is removed from there. Nothing else uses such names, so `sweep` may
 * remove them.
 */
export const temporaryFor = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString("hex")}.plexum-tmp`);

const TEMPORARY = /^\.(.+)\.(\d+)\.[0-9a-f]{8}\.plexum-tmp$/;

/** Removes leftovers of a killed process with names from `temporaryFor`, if this user is allowed to. */
export async function sweep(path: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  for (const name of await readdir(dirname(target)).catch(() => [])) {
    const [, replaced, pid] = TEMPORARY.exec(name) ?? [];
    if (replaced !== basename(target) || isOther(Number(pid))) continue;
    await rm(join(dirname(target), name), { recursive: true, force: true }).catch(() => {});
  }
}

/** Returns whether another process runs with that id. A leftover with our own id is an earlier process's: containers reuse ids soon. */
function isOther(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Creates a folder and its missing parents. They belong to the owner of the first existing parent. */
export async function makeFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made === undefined) return;
  const owner = await stat(dirname(made));
  for (let folder = path; folder.length >= made.length; folder = dirname(folder)) await belongAs(folder, owner);
}

/** Changes a file's owner if this process is root, which may work in another user's profile: the user must be able to change the files. */
export async function belongAs(file: string | FileHandle, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  if (process.getuid?.() !== 0) return;
  // That user might replace what root has just created with a link.
  await (typeof file === "string" ? lchown(file, uid, gid) : file.chown(uid, gid));
}

export const unusable = (path: string, what: "read" | "written" | "removed", cause: unknown) =>
  ProfileError.isInstance(cause)
    ? cause
    : new ProfileError(
        "io",
        `${path} can't be ${what} (${(cause as Error).message}): run this as a user with access to it, or correct its permissions.`,
        { cause },
      );
