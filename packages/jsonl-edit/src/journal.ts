import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import { z } from "zod";
import type { Files, OpenFile } from "./files.ts";
import { type Patch, patchBytes } from "./replacement.ts";

/**
 * A redo journal: what is about to be written over a rollout, flushed before the first byte of it is. After a crash it is
 * replayed, or, where it is torn and so nothing was written yet, dropped.
 *
 * It holds no old text. A line is known again by a hash of all that is not to change, and each block of what is to change by a
 * hash of the old one, so that a file which is not the one the journal was written for is told by its content.
 */
const schema = z.object({
  version: z.literal(1),
  rollout: z.string(),
  lines: z.array(
    z.object({
      offset: z.int().nonnegative(),
      length: z.int().nonnegative(),
      around: z.string(),
      patches: z.array(
        z.object({
          offset: z.int().nonnegative(),
          length: z.int().positive(),
          value: z.string(),
          blocks: z.array(z.string()),
        }),
      ),
    }),
  ),
});

type Journal = z.infer<typeof schema>;
type JournalLine = Journal["lines"][number];

/** A line with what is to be written over it. */
export interface PatchedLine {
  readonly offset: number;
  /** As it stands, without its newline. */
  readonly bytes: Buffer;
  readonly patches: readonly Patch[];
}

/** No disk tears a write inside of this, counted from the file's beginning; nor does a killed process, since the kernel works by pages. */
const BLOCK_BYTES = 512;

const hash = (...pieces: Uint8Array[]) => {
  const sum = createHash("sha256");
  for (const piece of pieces) sum.update(piece);
  return sum.digest("hex").slice(0, 32);
};

/** Writes the journal so that it survives a loss of power. @throws what the file system throws; then there is no journal. */
export async function writeJournal(files: Files, path: string, lines: readonly PatchedLine[], rollout: string) {
  const journal: Journal = { version: 1, rollout: basename(rollout), lines: lines.map(describe) };
  const body = Buffer.from(`${JSON.stringify(journal)}\n`);
  const bytes = Buffer.concat([body, Buffer.from(hash(body))]);
  try {
    await files.writeSmall(path, bytes);
    const file = await files.open(path, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await files.syncDirectory(dirname(path));
  } catch (error) {
    await files.unlink(path);
    throw error;
  }
}

function describe({ offset, bytes, patches }: PatchedLine): JournalLine {
  return {
    offset,
    length: bytes.length,
    around: hash(...around(bytes, offset, patches)),
    patches: patches.map((patch) => ({
      ...patch,
      blocks: blocksOf(patch).map(([start, end]) => hash(bytes.subarray(start - offset, end - offset))),
    })),
  };
}

/** The journal at a path: undefined if there is none, `torn` if it is not whole or of a version that is not known. */
export async function readJournal(files: Files, path: string): Promise<Journal | "torn" | undefined> {
  const bytes = await files.readSmall(path);
  if (bytes === undefined) return undefined;
  const end = bytes.lastIndexOf("\n") + 1;
  if (end === 0 || hash(bytes.subarray(0, end)) !== bytes.toString("latin1", end)) return "torn";
  return schema.safeParse(JSON.parse(bytes.toString("utf8", 0, end))).data ?? "torn";
}

/** Writes what a journal says, unless the file is not the one it was written for: then nothing, and false is returned. */
export async function replayJournal(files: Files, journal: Journal, rollout: string): Promise<boolean> {
  const file = await files.open(rollout, "r+");
  try {
    const blocks: BlockState[] = [];
    const { size } = await file.stat();
    if (!journal.lines.every((line) => isWithin(line, Number(size)))) return false;
    for (const line of journal.lines) {
      const states = await blockStates(file, line);
      if (states === undefined) return false;
      blocks.push(...states);
    }
    if (!isInterruptedWrite(blocks)) return false;
    for (const line of journal.lines) await writePatches(file, line.patches);
    await file.sync();
    return true;
  } finally {
    await file.close();
  }
}

export async function writePatches(file: OpenFile, patches: readonly Patch[]): Promise<void> {
  for (const patch of patches) {
    const bytes = patchBytes(patch);
    await file.write(bytes, 0, bytes.length, patch.offset);
  }
}

/** Whether what a journal says to write stays inside of its lines, and these inside of the file. */
function isWithin({ offset, length, patches }: JournalLine, size: number): boolean {
  let at = offset;
  for (const patch of patches) {
    if (patch.offset < at) return false;
    at = patch.offset + patch.length;
  }
  return at <= offset + length && offset + length <= size;
}

type BlockState = "old" | "new" | "other";

/**
 * Blocks in the order they were written in: after a loss of power any of them may be old or new. One alone may be half written,
 * where a write ended short: then all before it are new, and all behind it old.
 */
function isInterruptedWrite(blocks: readonly BlockState[]): boolean {
  const torn = blocks.indexOf("other");
  if (torn === -1) return true;
  return (
    blocks.slice(0, torn).every((block) => block === "new") && blocks.slice(torn + 1).every((block) => block === "old")
  );
}

/** Undefined if the line is not the one that the journal was written for. */
async function blockStates(file: OpenFile, line: JournalLine): Promise<BlockState[] | undefined> {
  const bytes = Buffer.alloc(line.length);
  for (let filled = 0; filled < line.length; ) {
    const { bytesRead } = await file.read(bytes, filled, line.length - filled, line.offset + filled);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  if (hash(...around(bytes, line.offset, line.patches)) !== line.around) return undefined;
  return line.patches.flatMap((patch) => {
    const wanted = patchBytes(patch);
    return blocksOf(patch).map(([start, end], index): BlockState => {
      const block = bytes.subarray(start - line.offset, end - line.offset);
      if (block.equals(wanted.subarray(start - patch.offset, end - patch.offset))) return "new";
      return hash(block) === patch.blocks[index] ? "old" : "other";
    });
  });
}

/** What of a line is not to change. */
function around(bytes: Buffer, offset: number, patches: readonly Pick<Patch, "offset" | "length">[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const patch of patches) {
    pieces.push(bytes.subarray(at, patch.offset - offset));
    at = patch.offset - offset + patch.length;
  }
  return [...pieces, bytes.subarray(at)];
}

/** A patch cut at multiples of the block size in the file. */
function blocksOf(patch: Pick<Patch, "offset" | "length">): [start: number, end: number][] {
  const blocks: [number, number][] = [];
  const end = patch.offset + patch.length;
  for (let start = patch.offset; start < end; ) {
    const stop = Math.min(end, (Math.floor(start / BLOCK_BYTES) + 1) * BLOCK_BYTES);
    blocks.push([start, stop]);
    start = stop;
  }
  return blocks;
}
