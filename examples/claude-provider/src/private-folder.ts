import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Younger folders stay: a provider in another container may have the pid, and its claude may not have read the files yet. */
const STARTING_MS = 60_000;

/** Creates a folder in the temp folder for the files of one turn, which only this user can read. Remove it after the turn. */
export const privateFolder = (): Promise<string> => mkdtemp(join(tmpdir(), `claude-provider-${process.pid}-`));

/** Removes the folders of killed providers. Their files hold the token of a bridge that is gone. */
export async function removeLeftoverFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid] = /^claude-provider-(\d+)-\w+$/.exec(name) ?? [];
    if (pid === undefined || isRunning(Number(pid))) continue;
    const path = join(tmpdir(), name);
    const found = await lstat(path).catch(() => undefined);
    const isOurs = found?.isDirectory() === true && found.uid === process.getuid?.();
    if (isOurs && Date.now() - found.mtimeMs > STARTING_MS) await rm(path, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
