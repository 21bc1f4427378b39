import { createHash, hash, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type Files, type LineChange, type OpenFile, Pauses } from "@plexum/jsonl-edit";
import { z } from "zod";
import { RolloutError } from "../errors.ts";
import { resolvedPath } from "../find/codex-home.ts";
import { plainName } from "../recover/sidecars.ts";

const offset = z.number().int().nonnegative();

const undoLine = z.object({
  offset,
  length: offset,
  /** Hash of the whole line before the mutation. */
  before: z.string(),
  /** Hash of the whole line after the mutation. */
  after: z.string(),
  ids: z.array(z.string()),
  /** The old texts, each with its offset in the line. */
  patches: z.array(z.object({ start: offset, text: z.string() })),
});

/** What a mutation changed in one line. */
export type UndoLine = z.infer<typeof undoLine>;

/** What one mutation changed in one file. */
export interface UndoRecord {
  readonly path: string;
  readonly lines: readonly UndoLine[];
}

const header = z.object({ version: z.literal(1), file: z.string(), lines: offset });

const MAX_AGE_MS = 30 * 24 * 60 * 60 * 1000;
/** The limit for all records in a folder. */
const MAX_BYTES = 100_000_000;
/** How many characters of a record are written at once. */
const PIECE_LENGTH = 512 * 1024;
/** No process is still writing a draft older than this. */
const DRAFT_MS = 60 * 60 * 1000;

/** `undo-<key>-<milliseconds since 1970>-<random>.jsonl`; drafts end in `.new`. */
const NAME = /^undo-([0-9a-f]{16})-(\d{13})-[0-9a-f]{8}\.jsonl$/;
const DRAFT = /^undo-[0-9a-f]{16}-(\d{13})-[0-9a-f]{8}\.jsonl\.new$/;

export const lineHash = (bytes: Uint8Array): string => hash("sha256", bytes, "hex").slice(0, 32);

/**
 * The old values of a rollout's mutations, in one file for each. A record is written before its mutation. So if the mutation is
 * killed, its record may describe changes that were never made. That is why a record has hashes of each line before and after the
 * change: they show what state the line is in.
 *
 * Use it only while the rollout is locked.
 */
export class UndoStore {
  readonly #files: Files;
  readonly #folder: string;
  readonly #file: string;
  readonly #key: string;
  readonly #warn: (message: string) => void;

  /** @param of The rollout. Copies of a rollout in two homes are two rollouts. */
  constructor(
    files: Files,
    folder: string,
    of: {
      readonly rollout: string;
      readonly codexHome: string | undefined;
      readonly onWarning?: ((message: string) => void) | undefined;
    },
  ) {
    this.#files = files;
    this.#folder = folder;
    const rollout = resolvedPath(of.rollout);
    this.#file = plainName(basename(rollout));
    this.#warn = of.onWarning ?? ((message) => process.emitWarning(message, "RolloutWarning"));
    const home = resolvedPath(resolve(of.codexHome ?? dirname(rollout)));
    this.#key = createHash("sha256").update(`${home}\0${this.#file}`).digest("hex").slice(0, 16);
  }

  /**
   * Saves what is about to be overwritten, so that it survives a power failure. Removes records that are too old, and the oldest ones
   * if there are too many.
   * @throws RolloutError `no_space` if the values exceed the limit for all records; errors of the file system.
   */
  async keep(changes: readonly LineChange[]): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    // Names sort in the order of writing, also if the clock was set back.
    const time = String(Math.max(Date.now(), (await this.#newest()) + 1)).padStart(13, "0");
    const path = join(this.#folder, `undo-${this.#key}-${time}-${randomUUID().slice(0, 8)}.jsonl`);
    // Each line is made when it is written: all of them together may be as long as the rollout.
    await this.#save(path, changes.length, undoLinesOf(changes));
  }

  /** Writes a record, or replaces it. */
  async #save(path: string, count: number, lines: Iterable<UndoLine>): Promise<void> {
    const draft = `${path}.new`;
    try {
      const file = await this.#files.open(draft, "wx", 0o600);
      let length: number;
      try {
        length = await this.#write(file, count, lines);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#makeRoom(length, path);
      await this.#files.rename(draft, path);
      await this.#files.syncDirectory(this.#folder);
    } catch (error) {
      await this.#files.unlink(draft);
      throw error;
    }
  }

  /** Writes a record piece by piece. Returns its length. */
  async #write(file: OpenFile, count: number, lines: Iterable<UndoLine>): Promise<number> {
    const pauses = new Pauses();
    let length = 0;
    let pending = `${JSON.stringify({ version: 1, file: this.#file, lines: count })}\n`;
    const flush = async () => {
      const piece = Buffer.from(pending);
      pending = "";
      if (length + piece.length > MAX_BYTES)
        throw new RolloutError(
          "no_space",
          this.#folder,
          `the old values exceed ${MAX_BYTES / 1e6} MB, the limit for undoing mutations; edit fewer calls at once`,
        );
      await file.write(piece, 0, piece.length, length);
      length += piece.length;
    };
    for (const line of lines) {
      await pauses.pause();
      pending += `${JSON.stringify(line)}\n`;
      if (pending.length > PIECE_LENGTH) await flush();
    }
    await flush();
    return length;
  }

  /** Returns the time of this rollout's newest record, or 0 if it has none. */
  async #newest(): Promise<number> {
    const names = await this.#files.list(this.#folder);
    return names.reduce((newest, name) => {
      const [, key, time] = NAME.exec(name) ?? [];
      return key === this.#key ? Math.max(newest, Number(time)) : newest;
    }, 0);
  }

  /** Removes records to make room for one. */
  async #makeRoom(bytes: number, forPath: string): Promise<void> {
    const records: { readonly path: string; readonly time: number; readonly size: number }[] = [];
    for (const name of await this.#files.list(this.#folder)) {
      const path = join(this.#folder, name);
      const drafted = DRAFT.exec(name)?.[1];
      if (drafted !== undefined && Date.now() - Number(drafted) > DRAFT_MS) await this.#files.unlink(path);
      const time = NAME.exec(name)?.[2];
      const stat = time === undefined ? undefined : await this.#files.lstat(path);
      if (stat?.isFile() && path !== forPath) records.push({ path, time: Number(time), size: Number(stat.size) });
    }
    let room = MAX_BYTES - bytes;
    for (const { path, time, size } of records.sort((a, b) => b.time - a.time)) {
      room -= size;
      if (room < 0 || Date.now() - time > MAX_AGE_MS) await this.#files.unlink(path);
    }
  }

  /** Reads this rollout's records, the newest first. Skips damaged records, with a warning. */
  async load(): Promise<UndoRecord[]> {
    const names = (await this.#files.list(this.#folder)).filter((name) => NAME.exec(name)?.[1] === this.#key);
    const records: UndoRecord[] = [];
    for (const name of names.sort().reverse()) {
      const path = join(this.#folder, name);
      if (Date.now() - Number(NAME.exec(name)?.[2]) > MAX_AGE_MS) continue;
      const bytes = await this.#files.readSmall(path, MAX_BYTES);
      const lines = bytes === undefined || bytes === "unfit" ? undefined : await parse(bytes, this.#file);
      if (lines !== undefined) records.push({ path, lines });
      else if (bytes !== undefined) this.#warn(`${path} is damaged: the changes that it records can't be restored`);
    }
    return records;
  }

  /** Removes those lines of a record that are not to be kept, or the whole record. */
  async reduce({ path, lines }: UndoRecord, isKept: (line: UndoLine) => boolean): Promise<void> {
    const kept = lines.filter(isKept);
    if (kept.length === 0) await this.#files.unlink(path);
    else if (kept.length < lines.length) {
      // A killed process may have left one.
      await this.#files.unlink(`${path}.new`);
      await this.#save(path, kept.length, kept);
    }
  }
}

function* undoLinesOf(changes: readonly LineChange[]): Generator<UndoLine, void> {
  for (const change of changes) yield undoOf(change);
}

function undoOf({ offset, bytes, ids, patches }: LineChange): UndoLine {
  const after = Buffer.from(bytes);
  const old = patches.map((patch) => {
    const start = patch.offset - offset;
    after.fill(" ", start, start + patch.length);
    after.write(patch.value, start);
    return { start, text: bytes.toString("utf8", start, start + patch.length) };
  });
  return { offset, length: bytes.length, before: lineHash(bytes), after: lineHash(after), ids: [...ids], patches: old };
}

async function parse(bytes: Buffer, file: string): Promise<UndoLine[] | undefined> {
  const pauses = new Pauses();
  try {
    const [first = "", ...rest] = bytes.toString("utf8").trimEnd().split("\n");
    const head = header.parse(JSON.parse(first));
    if (head.file !== file || head.lines !== rest.length) return undefined;
    const lines: UndoLine[] = [];
    for (const line of rest) {
      await pauses.pause();
      lines.push(undoLine.parse(JSON.parse(line)));
    }
    return lines;
  } catch {
    return undefined;
  }
}
