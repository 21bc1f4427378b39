import { lstat, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandLines } from "@plexum/cli-turn";
import { IMAGE_FOLDER } from "./images.ts";

/** A folder with a turn's images that was not removed because the turn's owner was killed. */
export interface ImageLeftover {
  readonly path: string;
  remove(): Promise<void>;
}

/** Younger folders are left alone, in milliseconds. A turn takes far less time between staging the images and starting codex. */
const STARTING_MS = 60_000;

/**
 * Finds image folders in the temp folder that belong to no running turn: the process that staged them has ended, and no
 * command line names them. Finds none if the running commands can't be listed, as on Windows.
 *
 * @throws The error of the file system if the temp folder can't be listed.
 */
export async function imageLeftovers(): Promise<ImageLeftover[]> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(IMAGE_FOLDER));
  const commands = names.length === 0 ? [] : commandLines();
  if (commands === undefined) return [];
  const leftovers: ImageLeftover[] = [];
  for (const name of names) {
    const path = join(tmpdir(), name);
    const found = await lstat(path).catch(() => undefined);
    const isOurs = found?.isDirectory() === true && found.uid === process.getuid?.();
    if (!isOurs || Date.now() - found.mtimeMs < STARTING_MS) continue;
    if (isRunning(ownerIn(name)) || commands.some((command) => command.includes(name))) continue;
    leftovers.push({ path, remove: () => rm(path, { recursive: true, force: true }) });
  }
  return leftovers;
}

const ownerIn = (name: string): number => Number(name.slice(IMAGE_FOLDER.length).split("-", 1)[0]);

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
