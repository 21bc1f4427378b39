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

/** The file's text; undefined if there is none. A file that is not UTF-8 is refused, since it could not be written back as it was. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof TypeError) throw new ProfileError("invalid_file", `${path} is not UTF-8: correct it.`);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unusable(path, "read", error);
    if (!(await isThere(path))) return undefined;
    const remedy = "make that file, or remove the link";
    throw new ProfileError("invalid_file", `${path} is a link to a file that is not there: ${remedy}.`);
  }
}

/** Whether there is anything by that name: a link that leads nowhere counts. */
export const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/**
 * Gives a file new content in one step: whoever reads it sees the old or the new, also across a crash. A file that is there
 * keeps its owner and its place behind a symbolic link; a new one belongs to whom its folder belongs.
 *
 * @param mode Default: that of the file that is there, else 0644, as the umask allows.
 */
export async function replaceFile(path: string, content: string, mode?: number): Promise<void> {
  try {
    const target = await realpath(path).catch(() => path);
    const present = await stat(target).catch(() => undefined);
    const wantedMode = mode ?? (present && present.mode & 0o7777);
    const temporary = temporaryFor(target);
    try {
      // A private file's content is for nobody else, not for a moment either.
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

/** Renames, and is done when the disk knows: what comes after it is not there without it, also when the power fails. */
export async function move(from: string, to: string): Promise<void> {
  await rename(from, to);
  for (const folder of new Set([dirname(to), dirname(from)])) await syncFolder(folder);
}

/** Not every system can. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r").catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

/** A name beside `path` for what is to take its place, or leaves it. Nobody else gives such a name, so `sweep` may remove it. */
export const temporaryFor = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString("hex")}.plexum-tmp`);

const TEMPORARY = /^\.(.+)\.(\d+)\.[0-9a-f]{8}\.plexum-tmp$/;

/** Removes what a killed process left by the name of `temporaryFor`, as far as this user may. */
export async function sweep(path: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  for (const name of await readdir(dirname(target)).catch(() => [])) {
    const [, replaced, pid] = TEMPORARY.exec(name) ?? [];
    if (replaced !== basename(target) || isOther(Number(pid))) continue;
    await rm(join(dirname(target), name), { recursive: true, force: true }).catch(() => {});
  }
}

/** Whether another process runs by that number. Our own was somebody else's once: in a container they are few. */
function isOther(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Makes a folder and those above it that are not there; they belong to whom the one above them belongs. */
export async function makeFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made === undefined) return;
  const owner = await stat(dirname(made));
  for (let folder = path; folder.length >= made.length; folder = dirname(folder)) await belongAs(folder, owner);
}

/** Root may work in another user's profile, and leaves there nothing that the user can't change. */
export async function belongAs(file: string | FileHandle, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  if (process.getuid?.() !== 0) return;
  // That user might put a link in the place of what root has just made.
  await (typeof file === "string" ? lchown(file, uid, gid) : file.chown(uid, gid));
}

export const unusable = (path: string, what: "read" | "written" | "removed", cause: unknown) =>
  ProfileError.isInstance(cause)
    ? cause
    : new ProfileError(
        "io",
        `${path} can't be ${what} (${(cause as Error).message}): run this as a user who may, or correct its permissions.`,
        { cause },
      );
