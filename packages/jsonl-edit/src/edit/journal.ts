import { createHash, type Hash, hash as hashAtOnce } from "node:crypto";
import { basename, dirname } from "node:path";
import { JsonlEditError } from "../errors.ts";
import { type Files, type OpenFile, readInto } from "../files.ts";
import { Pauses } from "../find/pauses.ts";
import { type LineChange, type Patch, patchBytes } from "../json/replacement.ts";
import { writePatches } from "./write-patches.ts";

/**
 * A redo journal: the bytes that are about to be written over a file. It is flushed before the first of them is written.
 * After a crash it is replayed. A torn journal is dropped, since nothing was written to the file yet.
 *
 * It holds no old text. A line is identified by a hash of everything in it that must not change, and each block that is to
 * change by a hash of its old content. A file that the journal was not written for is therefore detected by its content.
 */
export interface Journal {
  readonly lines: readonly JournalLine[];
}

interface JournalLine {
  readonly offset: number;
  readonly length: number;
  /** Hash of what must not change. */
  readonly around: string;
  readonly patches: readonly JournalPatch[];
}

interface JournalPatch extends Patch {
  /** Hashes of the old bytes. */
  readonly blocks: readonly string[];
}

/** A journal is one JSON object and a newline, followed by a hash of both. */
const BEGINNING = '{"version":1,';
const HASH_LENGTH = 32;
/** Enough for several GB of replaced text: each block of 512 bytes has a hash of 32 characters. */
const MAX_BYTES = 256 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
/** How many characters are written at once. */
const PIECE_LENGTH = 512 * 1024;

/**
 * Neither a disk nor a killed process tears a write within a block of this size, counted from the file's beginning. The kernel works
 * page by page.
 */
const BLOCK_BYTES = 512;

const hash = (...pieces: Uint8Array[]) => {
  const [only, ...others] = pieces;
  // There may be a million blocks, and this is several times as fast.
  if (only !== undefined && others.length === 0) return hashAtOnce("sha256", only, "hex").slice(0, HASH_LENGTH);
  const sum = createHash("sha256");
  for (const piece of pieces) sum.update(piece);
  return digest(sum);
};

const digest = (sum: Hash) => sum.digest("hex").slice(0, HASH_LENGTH);

/**
 * Writes the journal so that it survives a power failure.
 *
 * @throws errors of the file system, or JsonlEditError `no_space` if the journal would be too large. No journal is left then.
 */
export async function writeJournal(
  files: Files,
  path: string,
  changes: readonly LineChange[],
  edited: string,
): Promise<void> {
  const file = await files.open(path, "wx", 0o600);
  try {
    try {
      await write(file, changes, edited);
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

/** Writes a journal piece by piece. A journal without its end counts as torn. */
async function write(file: OpenFile, changes: readonly LineChange[], edited: string): Promise<void> {
  const pauses = new Pauses();
  const sum = createHash("sha256");
  let length = 0;
  let pending = `${BEGINNING}"file":${JSON.stringify(basename(edited))},"lines":[`;
  const flush = async () => {
    const piece = Buffer.from(pending);
    pending = "";
    if (length + piece.length > MAX_BYTES - HASH_LENGTH)
      throw new JsonlEditError(
        "no_space",
        edited,
        `the journal of this edit of ${edited} would exceed ${MAX_BYTES} bytes; edit fewer ids at once`,
      );
    sum.update(piece);
    await file.write(piece, 0, piece.length, length);
    length += piece.length;
  };
  for (const [index, change] of changes.entries()) {
    await pauses.pause();
    pending += `${index === 0 ? "" : ","}${JSON.stringify(describe(change))}`;
    if (pending.length > PIECE_LENGTH) await flush();
  }
  pending += "]}\n";
  await flush();
  const end = Buffer.from(digest(sum));
  await file.write(end, 0, end.length, length);
}

function describe({ offset, bytes, patches }: LineChange): JournalLine {
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

/**
 * Reads the journal at a path. Returns undefined if there is none, `torn` for the incomplete journal that a crash leaves, and
 * `foreign` for anything that this package can't have written, such as a pipe or a text.
 */
export async function readJournal(files: Files, path: string): Promise<Journal | "torn" | "foreign" | undefined> {
  const stat = await files.lstat(path);
  if (stat === undefined) return undefined;
  if (!stat.isFile() || stat.size > MAX_BYTES) return "foreign";
  const file = await files.open(path, "r");
  try {
    const size = Number((await file.stat()).size);
    if (!(await isBeginning(file, path, size))) return "foreign";
    return (await readWhole(file, path, size)) ?? "torn";
  } finally {
    await file.close();
  }
}

/** Returns true for a file that begins like a journal, or that a power failure has left empty or full of zeros. */
async function isBeginning(file: OpenFile, path: string, size: number): Promise<boolean> {
  const head = await readInto(file, path, Buffer.alloc(BEGINNING.length), 0, Math.min(size, BEGINNING.length));
  return BEGINNING.startsWith(head.toString("latin1")) || head.every((byte) => byte === 0);
}

async function readWhole(file: OpenFile, path: string, size: number): Promise<Journal | "foreign" | undefined> {
  const bodyLength = size - HASH_LENGTH;
  if (bodyLength <= 0) return undefined;
  const bytes = Buffer.allocUnsafe(size);
  const sum = createHash("sha256");
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const chunk = await readInto(file, path, bytes.subarray(at), at, Math.min(size, at + CHUNK_BYTES));
    sum.update(chunk.subarray(0, Math.max(0, bodyLength - at)));
  }
  if (digest(sum) !== bytes.toString("latin1", bodyLength)) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8", 0, bodyLength));
    return isJournal(value) ? value : "foreign";
  } catch {
    return "foreign";
  }
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isList = <T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] =>
  Array.isArray(value) && value.every(isItem);
const isText = (value: unknown): value is string => typeof value === "string";

const isPatch = (value: unknown): value is JournalPatch => {
  const { offset, length, value: text, blocks } = (value ?? {}) as Partial<JournalPatch>;
  return isOffset(offset) && isOffset(length) && length > 0 && isText(text) && isList(blocks, isText);
};

const isLine = (value: unknown): value is JournalLine => {
  const { offset, length, around, patches } = (value ?? {}) as Partial<JournalLine>;
  return isOffset(offset) && isOffset(length) && isText(around) && isList(patches, isPatch);
};

const isJournal = (value: unknown): value is Journal =>
  isList((value as Partial<Journal> | null | undefined)?.lines, isLine);

/** Writes the journal's values to its file. Writes nothing and returns false if the file is not the one it was written for. */
export async function replayJournal(files: Files, journal: Journal, path: string): Promise<boolean> {
  const file = await files.open(path, "r+");
  try {
    const blocks: BlockState[] = [];
    const { size } = await file.stat();
    if (!journal.lines.every((line) => isWithin(line, Number(size)))) return false;
    for (const line of journal.lines) {
      const states = await blockStates(file, line);
      if (states === undefined) return false;
      for (const state of states) blocks.push(state);
    }
    if (!isInterruptedWrite(blocks)) return false;
    for (const line of journal.lines) await writePatches(file, line.patches);
    await file.sync();
    return true;
  } finally {
    await file.close();
  }
}

/** Returns whether the journal's patches are inside its line, and the line inside the file. */
function isWithin({ offset, length, patches }: JournalLine, size: number): boolean {
  let at = offset;
  for (const patch of patches) {
    if (patch.offset < at || Buffer.byteLength(patch.value) > patch.length) return false;
    at = patch.offset + patch.length;
  }
  return at <= offset + length && offset + length <= size;
}

type BlockState = "old" | "new" | "other";

/**
 * Returns whether an interrupted write can have left these blocks, given in the order in which they were written. After a power
 * failure, any of them may be old or new. If a write ended short, one block may be half written. Then all blocks before it are new
 * and all after it are old.
 */
function isInterruptedWrite(blocks: readonly BlockState[]): boolean {
  const torn = blocks.indexOf("other");
  if (torn === -1) return true;
  return (
    blocks.slice(0, torn).every((block) => block === "new") && blocks.slice(torn + 1).every((block) => block === "old")
  );
}

/** Returns the state of each block. Returns undefined if the line is not the one that the journal was written for. */
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

/** Returns the parts of a line that must not change. */
function around(bytes: Buffer, offset: number, patches: readonly Pick<Patch, "offset" | "length">[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const patch of patches) {
    pieces.push(bytes.subarray(at, patch.offset - offset));
    at = patch.offset - offset + patch.length;
  }
  return [...pieces, bytes.subarray(at)];
}

/** Splits a patch at multiples of the block size in the file. */
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
