import type { BigIntStats } from "node:fs";
import { dirname } from "node:path";
import { isErrno, RolloutError } from "./errors.ts";
import { type Files, type OpenFile, sameFile } from "./files.ts";
import { type PatchedLine, writeJournal, writePatches } from "./journal.ts";
import { sidecar } from "./sidecar.ts";

/** A line that is to be written anew, longer than it was. */
export interface GrownLine {
  readonly offset: number;
  readonly oldLength: number;
  readonly bytes: Buffer;
}

/**
 * Writes over a rollout in place: journal first, so that after a crash all of it is done or nothing.
 *
 * @param planned The file that the patches were made for. @throws RolloutError `replaced` if another stands at the path by now.
 */
export async function patchInPlace(
  files: Files,
  path: string,
  planned: BigIntStats,
  lines: readonly PatchedLine[],
): Promise<void> {
  const file = await files.open(path, "r+");
  try {
    if (!sameFile(await file.stat(), planned)) throw replaced(path);
    const journal = sidecar(path, "redo");
    await writeJournal(files, journal, lines, path);
    for (const line of lines) await writePatches(file, line.patches);
    await file.sync();
    await files.unlink(journal);
  } finally {
    await file.close();
  }
}

/**
 * Writes a rollout anew beside the old one, with some lines grown and everything else as it was, up to the old one's end.
 *
 * @returns The new file's path. It is not in its place yet.
 */
export async function writeGrown(
  files: Files,
  path: string,
  source: OpenFile,
  size: number,
  lines: readonly GrownLine[],
): Promise<string> {
  const staged = sidecar(path, "new");
  const file = await files.open(staged, "w", 0o600);
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
    for (const line of [...lines].sort((a, b) => a.offset - b.offset)) {
      await copy(copied, line.offset);
      await put(line.bytes);
      copied = line.offset + line.oldLength;
    }
    await copy(copied, size);
    await file.sync();
  } catch (error) {
    await files.unlink(staged);
    throw error;
  } finally {
    await file.close();
  }
  return staged;
}

/**
 * Puts a new file in its place, unless the one it was made from has changed meanwhile: then nothing is done.
 *
 * @param path The file it was made from. @param target Its place: that file's, or one where no file must be, since codex may have
 * put one there meanwhile that it writes to.
 * @param old The file it was made from, as it was then.
 * @throws RolloutError `replaced`
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
  new RolloutError("replaced", path, `${path} was changed by someone else while it was being mutated; try again`);
