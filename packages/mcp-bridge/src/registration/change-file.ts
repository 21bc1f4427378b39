import { randomUUID } from "node:crypto";
import { readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Changes a text file, through links, if the change proves right. Otherwise the file is as it was.
 * @param change Undefined if the text can't be changed.
 * @param isRight Is asked once the changed text is in place. What it throws counts as no.
 * @returns whether the file is changed now. Never rejects, unless the file can't be restored.
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

/** A reader finds the old text or the new one, whole. */
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
