import { createHash, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type Files, type LineChange, Pauses } from "@plexum/jsonl-edit";
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
/** No process is still writing a draft older than this. */
const DRAFT_MS = 60 * 60 * 1000;

/** `undo-<key>-<milliseconds since 1970>-<random>.jsonl`; drafts end in `.new`. */
const NAME = /^undo-([0-9a-f]{16})-(\d{13})-[0-9a-f]{8}\.jsonl$/;
const DRAFT = /^undo-[0-9a-f]{16}-(\d{13})-[0-9a-f]{8}\.jsonl\.new$/;

export const lineHash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 32);

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
    const bytes = await this.#serialize(changes);
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const newest = await this.#makeRoom(bytes.length);
    // Names sort in the order of writing, also if the clock was set back.
    const time = String(Math.max(Date.now(), newest + 1)).padStart(13, "0");
    const path = join(this.#folder, `undo-${this.#key}-${time}-${randomUUID().slice(0, 8)}.jsonl`);
    const draft = `${path}.new`;
    try {
      const file = await this.#files.open(draft, "wx", 0o600);
      try {
        await file.write(bytes, 0, bytes.length, 0);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#files.rename(draft, path);
      await this.#files.syncDirectory(this.#folder);
    } catch (error) {
      await this.#files.unlink(draft);
      throw error;
    }
  }

  async #serialize(changes: readonly LineChange[]): Promise<Buffer> {
    const pauses = new Pauses();
    const pieces: Buffer[] = [];
    let length = 0;
    const add = (value: object) => {
      const piece = Buffer.from(`${JSON.stringify(value)}\n`);
      pieces.push(piece);
      length += piece.length;
      if (length > MAX_BYTES)
        throw new RolloutError(
          "no_space",
          this.#folder,
          `the old values exceed ${MAX_BYTES / 1e6} MB, the limit for undoing mutations; edit fewer calls at once`,
        );
    };
    add({ version: 1, file: this.#file, lines: changes.length });
    for (const change of changes) {
      await pauses.pause();
      add(undoOf(change));
    }
    return Buffer.concat(pieces);
  }

  /** Removes records to make room for a new one. Returns the time of this rollout's newest record, or 0 if it has none. */
  async #makeRoom(bytes: number): Promise<number> {
    const records: { readonly path: string; readonly time: number; readonly size: number }[] = [];
    let newest = 0;
    for (const name of await this.#files.list(this.#folder)) {
      const path = join(this.#folder, name);
      const drafted = DRAFT.exec(name)?.[1];
      if (drafted !== undefined && Date.now() - Number(drafted) > DRAFT_MS) await this.#files.unlink(path);
      const [, key, time] = NAME.exec(name) ?? [];
      const stat = time === undefined ? undefined : await this.#files.lstat(path);
      if (stat?.isFile()) records.push({ path, time: Number(time), size: Number(stat.size) });
      if (key === this.#key) newest = Math.max(newest, Number(time));
    }
    let room = MAX_BYTES - bytes;
    for (const { path, time, size } of records.sort((a, b) => b.time - a.time)) {
      room -= size;
      if (room < 0 || Date.now() - time > MAX_AGE_MS) await this.#files.unlink(path);
    }
    return newest;
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

  async remove({ path }: UndoRecord): Promise<void> {
    await this.#files.unlink(path);
  }
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
