import type { BigIntStats } from "node:fs";
import { dirname } from "node:path";
import { isErrno, JsonlEditError } from "../errors.ts";
import { type Files, type OpenFile, sameFile } from "../files.ts";
import { type LineChange, newLine } from "../json/replacement.ts";
import { writeJournal } from "./journal.ts";
import { writePatches } from "./write-patches.ts";

/**
 * Overwrites parts of a file in place. Writes the journal first, so that a crash leaves all of the changes or none.
 *
 * @param planned The file that the changes were planned for.
 * @throws JsonlEditError `replaced` if another file is at the path now.
 */
export async function patchInPlace(
  files: Files,
  path: string,
  journal: string,
  planned: BigIntStats,
  changes: readonly LineChange[],
): Promise<void> {
  const file = await files.open(path, "r+");
  try {
    if (!sameFile(await file.stat(), planned)) throw replaced(path);
    await writeJournal(files, journal, changes, path);
    for (const { patches } of changes) await writePatches(file, patches);
    await file.sync();
    await files.unlink(journal);
  } finally {
    await file.close();
  }
}

/** Writes a new file beside the old one: a copy, up to the old one's end, in which only some lines are changed. */
export async function writeGrown(
  files: Files,
  path: string,
  staged: string,
  source: OpenFile,
  size: number,
  changes: readonly LineChange[],
): Promise<void> {
  const file = await files.open(staged, "wx", 0o600);
  try {
    const buffer = Buffer.allocUnsafe(1024 * 1024);
    let written = 0;
    const put = async (bytes: Uint8Array) => {
      await file.write(bytes, 0, bytes.length, written);
      written += bytes.length;
    };
    const copy = async (from: number, to: number) => {
      for (let at = from; at < to; ) {
        const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, to - at), at);
        if (bytesRead === 0) throw replaced(path);
        await put(buffer.subarray(0, bytesRead));
        at += bytesRead;
      }
    };
    let copied = 0;
    for (const change of [...changes].sort((a, b) => a.offset - b.offset)) {
      await copy(copied, change.offset);
      await put(newLine(change));
      copied = change.offset + change.bytes.length;
    }
    await copy(copied, size);
    await file.sync();
  } catch (error) {
    await files.unlink(staged);
    throw error;
  } finally {
    await file.close();
  }
}

/**
 * Moves a new file into place. Does nothing but throw if the file that it was created from has changed since.
 *
 * @param path The file that the new one was created from.
 * @param target The new file's place: `path`, or another path at which there must be no file. A file there may be one that
 * another program has created since and writes to.
 * @param old The state of the file at `path` when the new one was created.
 * @throws JsonlEditError `replaced`
 */
export async function putInPlace(
  files: Files,
  staged: string,
  path: string,
  target: string,
  old: BigIntStats,
): Promise<void> {
  const now = await files.stat(path);
  if (now === undefined || !sameFile(old, now) || now.size !== old.size || now.mtimeNs !== old.mtimeNs)
    throw replaced(path);
  await files.copyOwner(old, staged);
  if (target === path) await files.rename(staged, target);
  else {
    await files.link(staged, target).catch((error) => {
      throw isErrno(error, "EEXIST") ? replaced(target) : error;
    });
    await files.unlink(staged);
  }
  await files.syncDirectory(dirname(target));
}

const replaced = (path: string) =>
  new JsonlEditError("replaced", path, `${path} was changed by someone else while it was being edited; try again`);
