import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";

/**
 * Opens a file for reading. Does not wait for the other end of a pipe: that would block one of the few threads that all file operations
 * of the process share.
 *
 * @throws the system's error; an Error if it is not a regular file.
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if ((await file.stat()).isFile()) return file;
    throw new Error(`${path} is not a file`);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Reads a whole file of at most `maxBytes`. @throws as `openRegularFile`; an Error if the file is longer. */
export async function readRegularFile(path: string, maxBytes: number): Promise<string> {
  await using file = await openRegularFile(path);
  const { size } = await file.stat();
  if (size > maxBytes) throw new Error(`${path} is longer than ${maxBytes} bytes`);
  return file.readFile("utf8");
}

/** Frees a path for a file: removes what is there, and renames a folder, since it may hold someone's data. */
export async function clearPath(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_FS_EISDIR") throw error;
    await rename(path, setAsidePath(path));
  }
}

/** Returns the path to which anything else in the place of one of our files is renamed. */
export const setAsidePath = (path: string): string => `${path}.damaged-${new Date().toISOString().replaceAll(":", "")}`;
