import { randomUUID } from "node:crypto";
import { readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Changes a text file, following links, and restores it unless the change proves right.
 * @param change Returns the new text, or undefined if the text can't be changed.
 * @param isRight Checks the file after the change. An error that it throws counts as false.
 * @returns Whether the file is now changed. Never rejects, unless the file can't be restored.
 */
export async function changeFile(
  path: string,
  change: (text: string) => string | undefined,
  isRight: () => Promise<boolean>,
): Promise<boolean> {
  let before: string;
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) return false;
    before = await readFile(path, "utf8");
    const after = change(before);
    if (after === undefined) return false;
    await replaceFile(path, after);
  } catch {
    return false;
  }
  if (await isRight().catch(() => false)) return true;
  await replaceFile(path, before);
  return false;
}

/** Replaces the file atomically: a reader finds the whole old text or the whole new one. */
async function replaceFile(path: string, text: string): Promise<void> {
  const target = await realpath(path);
  const { mode } = await stat(target);
  const temporary = `${target}.${randomUUID()}`;
  try {
    await writeFile(temporary, text, { flag: "wx", mode });
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
}
