import { chmod, chown, open, readdir, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ProfileError } from "./errors.ts";

/** The file's text; undefined if there is none. A file that is not UTF-8 is refused, since it could not be written back as it was. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (error instanceof TypeError) throw new ProfileError("invalid_file", `${path} is not UTF-8: correct it.`);
    throw unusable(path, "read", error);
  }
}

/**
 * Gives a file new content in one step: whoever reads it sees the old or the new, also across a crash. A file that is there
 * keeps its mode, its owner and its place behind a symbolic link; a new one belongs to whom its folder belongs.
 *
 * @param mode Of a new file. Default 0644, as the umask allows.
 */
export async function replaceFile(path: string, content: string | Uint8Array, mode?: number): Promise<void> {
  try {
    const target = await realpath(path).catch(() => path);
    const folder = dirname(target);
    const present = await stat(target).catch(() => undefined);
    await sweep(target);
    const temporary = join(folder, `.${basename(target)}.${process.pid}`);
    try {
      const file = await open(temporary, "w", 0o644);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      const keptMode = mode ?? (present && present.mode & 0o7777);
      if (keptMode !== undefined) await chmod(temporary, keptMode);
      await belongAs(temporary, present ?? (await stat(folder)));
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  } catch (error) {
    throw unusable(path, "written", error);
  }
}

/** Removes what a killed process left where it was about to replace this file. */
export async function sweep(path: string): Promise<void> {
  const names: string[] = await readdir(dirname(path)).catch(() => []);
  for (const name of names) {
    const [beginning, pid] = [name.slice(0, name.lastIndexOf(".")), name.slice(name.lastIndexOf(".") + 1)];
    if (beginning !== `.${basename(path)}` || !/^\d+$/.test(pid) || isAlive(Number(pid))) continue;
    await rm(join(dirname(path), name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Root may work in another user's profile, and leaves there nothing that the user can't change. */
export async function belongAs(path: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  if (process.getuid?.() === 0) await chown(path, uid, gid);
}

export const unusable = (path: string, what: "read" | "written" | "removed", cause: unknown) =>
  new ProfileError(
    "io",
    `${path} can't be ${what} (${(cause as Error).message}): run this as a user who may, or correct its permissions.`,
    { cause },
  );
