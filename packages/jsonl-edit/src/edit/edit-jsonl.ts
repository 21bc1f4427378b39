import { existsSync } from "node:fs";
import { asJsonlEditError } from "../errors.ts";
import type { Span } from "../json/json-scan.ts";
import { JsonValue } from "../json/json-value.ts";
import type { PlannedLine, Replacement } from "../json/replacement.ts";
import { lockJsonl } from "../lock/lock-jsonl.ts";
import type { LockJsonlOptions } from "../lock/lock-options.ts";
import type { EditPlan, SkippedId } from "./edit-plan.ts";
import type { RewriteGuard, SearchableFile } from "./locked-jsonl.ts";

export interface EditJsonlOptions<Reason extends string = never> extends LockJsonlOptions {
  /**
   * Only report.
   * @default false
   */
  readonly dryRun?: boolean | undefined;
  /** Allows a line to grow. A new file then replaces the old one. Default: no line may grow. */
  readonly guardRewrite?: (() => Promise<RewriteGuard<Reason>>) | undefined;
  /**
   * Lines longer than this are not edited. In bytes.
   * @default 67_108_864
   */
  readonly maxLineBytes?: number | undefined;
}

/** A line that contains one of the ids, anywhere in the line. */
export interface EditableLine {
  /** The whole line. */
  readonly value: JsonValue;
  /** Where the line begins in the file. */
  readonly offset: number;
  /** The ids that are still searched for. */
  readonly ids: ReadonlySet<string>;
  /** Plans to replace a value of this line, for an id. `to` is anything that `JSON.stringify` accepts, except undefined. */
  replace(id: string, value: Span, to: unknown): void;
  /** The same with JSON text. The span may be any part of the line, such as a value and what follows it. */
  replaceText(id: string, span: Span, json: string): void;
  /** Says that no earlier line belongs to an id. The search for that id ends. */
  done(id: string): void;
}

/** The result of an edit. Ids are in the order in which they were passed. */
export interface EditReport<Reason extends string = never> {
  /**
   * - `unchanged`: nothing was written
   * - `in-place`: bytes were overwritten, nothing was moved
   * - `rewritten`: a line had to grow, and the file is a new one
   */
  readonly mode: "unchanged" | "in-place" | "rewritten";
  /** The ids that now have the new values, whether they were changed or had them already. */
  readonly edited: readonly string[];
  /** The ids that the file does not have. */
  readonly missing: readonly string[];
  /** The ids that were found but not edited. */
  readonly skipped: readonly SkippedId<Reason | "line_too_long" | "has_to_grow">[];
  /** How much shorter the values are, in bytes of JSON. Negative if they are longer. */
  readonly bytesFreed: number;
  /** True if nothing was written because the `dryRun` option was set. */
  readonly dryRun: boolean;
}

const DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024;

/**
 * Changes values in place in the lines of a file that contain some ids. No byte moves, nothing else changes, and a crash leaves all
 * of the edit or none of it. A missing file, or an id that no line contains, is not an error.
 *
 * @param edit Called for each line that contains one of the ids as a JSON string, last line first. It says what to replace. If it
 * throws, nothing is written and the error is thrown. It must not be async.
 * @throws JsonlEditError `busy` if another edit does not end in time, `not_permitted`, `no_space`, `replaced`, `not_a_file`, `io`;
 * TypeError if a line would not be JSON.
 */
export async function editJsonl<Reason extends string = never>(
  path: string,
  ids: Iterable<string>,
  edit: (line: EditableLine) => void,
  options: EditJsonlOptions<Reason> = {},
): Promise<EditReport<Reason>> {
  const { dryRun = false, signal, guardRewrite } = options;
  const asked = [...new Set(ids)];
  // Locking it would create a file in its folder.
  if (asked.length === 0 || !existsSync(path))
    return { mode: "unchanged", edited: [], missing: asked, skipped: [], bytesFreed: 0, dryRun };
  await using locked = await lockJsonl(path, options);
  try {
    const { plan, mode, changes } = await locked.edit<Reason | "line_too_long">(
      { plan: (file, plan) => planLines(file, plan, asked, edit, options), guardRewrite },
      { dryRun, signal },
    );
    return {
      mode: dryRun ? "unchanged" : mode,
      edited: asked.filter((id) => plan.edited.has(id)),
      missing: asked.filter((id) => !plan.edited.has(id) && !plan.skipped.has(id)),
      skipped: asked.flatMap((id) => plan.skipped.get(id) ?? []),
      bytesFreed: changes.reduce((sum, { bytesFreed }) => sum + bytesFreed, 0),
      dryRun,
    };
  } catch (error) {
    throw asJsonlEditError(error, path, "edit");
  }
}

async function planLines<Reason extends string>(
  file: SearchableFile,
  plan: EditPlan<Reason | "line_too_long">,
  asked: readonly string[],
  edit: (line: EditableLine) => void,
  { maxLineBytes = DEFAULT_MAX_LINE_BYTES, signal }: Pick<EditJsonlOptions, "maxLineBytes" | "signal">,
): Promise<void> {
  const wanted: ReadonlySet<string> = new Set(asked);
  const ids = new Set(asked);
  const tooLong = new Set<string>();
  for await (const { offset, length, bytes } of file.search(ids, { maxLineBytes, signal })) {
    if (bytes === undefined) {
      for (const id of await file.idsIn({ offset, length }, ids, signal)) tooLong.add(id);
      continue;
    }
    const value = JsonValue.of(bytes);
    if (value === undefined) continue;
    const line: PlannedLine = { offset, bytes, replacements: [] };
    const replaceText = (id: string, { start, end }: Span, json: string) => {
      if (!wanted.has(id)) throw new TypeError(`${JSON.stringify(id)} is not one of the ids of this edit`);
      const isSame = ({ span }: Replacement) => span.start === start && span.end === end;
      // If two ids share a value, neither is edited without the other.
      const ids = [...line.replacements.filter(isSame).flatMap((other) => other.ids), id];
      line.replacements = line.replacements.filter((other) => !isSame(other));
      line.replacements.push({ span: { start, end }, value: json, ids });
      plan.edited.add(id);
    };
    const returned: unknown = edit({
      value,
      offset,
      ids,
      replace: (id, span, to) => replaceText(id, span, jsonText(to)),
      replaceText,
      done(id) {
        plan.edited.add(id);
        ids.delete(id);
      },
    });
    if (returned instanceof Promise) {
      returned.catch(() => {});
      throw new TypeError("edit must not be async: what it replaces after it has returned would be lost");
    }
    if (line.replacements.length > 0) plan.lines.set(offset, line);
  }
  plan.drop(tooLong, "line_too_long", `a line that contains the id is longer than ${maxLineBytes} bytes`);
}

function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a value can't be replaced by ${typeof value}: it has no JSON text`);
  return text;
}
