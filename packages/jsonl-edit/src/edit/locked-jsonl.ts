import type { BigIntStats } from "node:fs";
import { JsonlEditError } from "../errors.ts";
import type { Files, OpenFile, ReadableFile } from "../files.ts";
import { Pauses } from "../find/pauses.ts";
import { type FoundLine, idsInLine, type SearchLimits, searchBackward } from "../find/search-backward.ts";
import { documentSpan } from "../json/json-scan.ts";
import { type LineChange, newLine } from "../json/replacement.ts";
import type { Sidecars } from "../lock/sidecar.ts";
import { EditPlan, idsOf } from "./edit-plan.ts";
import { patchInPlace, putInPlace, writeGrown } from "./write-edit.ts";

/** An open file to search in, for example to plan an edit of it. */
export class SearchableFile {
  readonly path: string;
  /** For reads at an offset. */
  readonly file: ReadableFile;
  /** The size in bytes when the file was opened. */
  readonly size: number;
  /** The state of the file when it was opened; undefined if it is not known. */
  readonly stat: BigIntStats | undefined;

  constructor(path: string, file: ReadableFile, size: number, stat?: BigIntStats) {
    this.path = path;
    this.file = file;
    this.size = size;
    this.stat = stat;
  }

  /**
   * Yields the lines that contain one of the ids as a JSON string, from the last to the first. Delete an id from the set when no
   * earlier line matters for it. The search ends when the set is empty.
   *
   * @param end The offset at which to start the search. Default: the end of the file.
   * @throws JsonlEditError `replaced` if the file becomes shorter.
   */
  search(ids: Set<string>, limits: SearchLimits, end = this.size): AsyncGenerator<FoundLine, void, undefined> {
    return searchBackward(this.file, this.path, end, ids, limits);
  }

  /** Returns the ids that a line contains. For a line that is too long to be read at once. */
  idsIn(line: Pick<FoundLine, "offset" | "length">, ids: Iterable<string>, signal?: AbortSignal): Promise<Set<string>> {
    return idsInLine(this.file, this.path, line, ids, signal);
  }
}

/** Keeps other programs away from a file while a new one replaces it. Disposing lets them in again. */
export interface RewriteGuard<Reason extends string = string> extends AsyncDisposable {
  /** Why the file can't be replaced. The ids that need a line to grow are then skipped, and the others are edited in place. */
  readonly refusal?: { readonly reason: Reason; readonly message: string };
  /** Called when the new file is written but not in place yet. If it throws, the old file stays. */
  beforeReplace?(): Promise<void>;
}

/** Plans an edit of a file. */
export interface JsonlEditor<Reason extends string = string> {
  /** Finds lines and plans their replacements. If it throws, the edit ends with nothing written. */
  plan(file: SearchableFile, plan: EditPlan<Reason>): Promise<void>;
  /** Called if a line has to grow. Without it, the ids of that line are skipped as `has_to_grow`. */
  guardRewrite?: ((plan: EditPlan<Reason>) => Promise<RewriteGuard<Reason>>) | undefined;
  /** Called with the changes before the first byte is written. If it throws, the edit ends with nothing written. */
  beforeWrite?(changes: readonly LineChange[]): Promise<void>;
}

/** Options of one edit. */
export interface EditOptions {
  /** Plan only: `mode` says what the edit would do. */
  readonly dryRun?: boolean | undefined;
  /** Aborts the edit, until writing begins. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of one edit. */
export interface EditOutcome<Reason extends string = string> {
  readonly plan: EditPlan<Reason>;
  /** What was done, or what would be done without `dryRun`. */
  readonly mode: "unchanged" | "in-place" | "rewritten";
  /** The lines that were changed, or would be. */
  readonly changes: readonly LineChange[];
}

/** A file that is locked against other editors until this object is disposed of. */
export class LockedJsonl implements AsyncDisposable {
  /** The file's own path, without symbolic links. */
  readonly path: string;
  readonly #files: Files;
  readonly #sidecars: Sidecars;
  readonly #lock: AsyncDisposable;

  /** @internal */
  constructor(files: Files, path: string, sidecars: Sidecars, lock: AsyncDisposable) {
    this.path = path;
    this.#files = files;
    this.#sidecars = sidecars;
    this.#lock = lock;
  }

  /**
   * Edits the file: makes all planned changes, or none.
   *
   * @throws JsonlEditError `not_found`, `not_a_file`, `replaced`, `no_space` and the like; TypeError if a line would not be JSON.
   */
  async edit<Reason extends string>(
    editor: JsonlEditor<Reason>,
    options: EditOptions = {},
  ): Promise<EditOutcome<Reason | "has_to_grow">> {
    const file = await this.#files.open(this.path, "r");
    try {
      return await this.#edit(editor, file, await file.stat(), options);
    } finally {
      await file.close();
    }
  }

  /**
   * Creates the file from another form of it, such as a compressed one, if the edit has anything to change. This is a separate step:
   * call `edit` afterwards. A file that appears at the path in the meantime is left unchanged.
   *
   * @param from The other form's path and the file's content. The other form is removed once the file is created.
   * @returns What the edit would do. The file is created unless that is `unchanged` or it is a dry run.
   * @throws JsonlEditError `replaced` if another process changed or created either file in the meantime.
   */
  async unpack<Reason extends string>(
    from: { readonly path: string; readonly chunks: AsyncIterable<Uint8Array> },
    editor: JsonlEditor<Reason>,
    options: EditOptions = {},
  ): Promise<EditOutcome<Reason | "has_to_grow">> {
    const files = this.#files;
    const old = await files.stat(from.path);
    if (old === undefined)
      throw new JsonlEditError("replaced", from.path, `${from.path} was removed while it was being read; try again`);
    const staged = this.#sidecars.path("new");
    const copy = await files.open(staged, "wx+", 0o600);
    try {
      let outcome: EditOutcome<Reason | "has_to_grow">;
      try {
        let size = 0;
        for await (const chunk of from.chunks) {
          await copy.write(chunk, 0, chunk.length, size);
          size += chunk.length;
        }
        await copy.sync();
        outcome = await this.#edit(editor, copy, await copy.stat(), { ...options, dryRun: true }, from.path);
      } finally {
        await copy.close();
      }
      if (options.dryRun || outcome.mode === "unchanged") return outcome;
      await putInPlace(files, staged, from.path, this.path, old);
      await files.unlink(from.path);
      return outcome;
    } finally {
      await files.unlink(staged);
    }
  }

  async #edit<Reason extends string>(
    editor: JsonlEditor<Reason>,
    file: OpenFile,
    stat: BigIntStats,
    { dryRun = false, signal }: EditOptions,
    path = this.path,
  ): Promise<EditOutcome<Reason | "has_to_grow">> {
    if (!stat.isFile()) throw new JsonlEditError("not_a_file", path, `${path} is not a file; name a file`);
    const plan = new EditPlan<Reason | "has_to_grow">();
    const size = Number(stat.size);
    await editor.plan(new SearchableFile(path, file, size, stat), plan as EditPlan<Reason>);
    let changes = await plan.changes();
    if (changes.some(({ grows }) => grows)) {
      await using guard = await editor.guardRewrite?.(plan as EditPlan<Reason>);
      const refusal = guard === undefined ? NO_GUARD : guard.refusal;
      changes = await plan.changes();
      if (refusal === undefined && changes.some(({ grows }) => grows)) {
        await checkLines(changes);
        signal?.throwIfAborted();
        if (!dryRun) {
          await editor.beforeWrite?.(changes);
          await this.#rewrite(file, stat, changes, guard);
        }
        return { plan, mode: "rewritten", changes };
      }
      if (refusal !== undefined)
        plan.drop(idsOf(changes.filter(({ grows }) => grows)), refusal.reason, refusal.message);
      changes = await plan.changes();
    }
    if (changes.length === 0) return { plan, mode: "unchanged", changes };
    await checkLines(changes);
    signal?.throwIfAborted();
    if (!dryRun) {
      await editor.beforeWrite?.(changes);
      await patchInPlace(this.#files, path, this.#sidecars.path("redo"), stat, changes);
    }
    return { plan, mode: "in-place", changes };
  }

  async #rewrite(
    file: OpenFile,
    stat: BigIntStats,
    changes: readonly LineChange[],
    guard: RewriteGuard | undefined,
  ): Promise<void> {
    const staged = this.#sidecars.path("new");
    await writeGrown(this.#files, this.path, staged, file, Number(stat.size), changes);
    try {
      await guard?.beforeReplace?.();
      await putInPlace(this.#files, staged, this.path, this.path, stat);
    } catch (error) {
      await this.#files.unlink(staged);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock[Symbol.asyncDispose]();
  }
}

const NO_GUARD = {
  reason: "has_to_grow",
  message: "the new value is longer than its line allows, and the file may not be rewritten",
} as const;

const NEWLINE = 0x0a;

/** Checks that every edited line is JSON. */
async function checkLines(changes: readonly LineChange[]): Promise<void> {
  const pauses = new Pauses();
  for (const change of changes) {
    await pauses.pause();
    const line = newLine(change);
    try {
      if (line.includes(NEWLINE)) throw new SyntaxError("a newline would end the line");
      documentSpan(line);
    } catch (error) {
      const message = `the edit of ${change.ids.join(", ")} would leave a line that is not JSON: ${(error as Error).message}`;
      throw new TypeError(message, { cause: error });
    }
  }
}
