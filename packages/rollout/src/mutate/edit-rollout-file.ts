import { type EditOutcome, type Files, type JsonlEditor, lockJsonl } from "@plexum/jsonl-edit";
import { RolloutError } from "../errors.ts";
import { resolvedPath } from "../find/codex-home.ts";
import { existingForm } from "../find/find-rollout.ts";
import { unpack } from "../read/open-rollout.ts";
import { plainName, sidecarsOf } from "../recover/sidecars.ts";
import type { SkipReason } from "./mutation-report.ts";

export interface EditRolloutFileOptions {
  readonly files: Files;
  readonly codexHome: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Locks a rollout's file and edits it. Returns undefined if there is no such file.
 *
 * Codex unpacks a compressed rollout to a plain file when it resumes its thread. So does this, if there is anything to change.
 * Unpacking is a separate step that leaves the content unchanged.
 *
 * @param after Called with the outcome while the file is still locked.
 */
export async function editRolloutFile<Editor extends JsonlEditor<SkipReason>>(
  options: EditRolloutFileOptions,
  given: string,
  newEditor: () => Editor,
  after: (editor: Editor) => Promise<void> = async () => {},
): Promise<{ editor: Editor; outcome: EditOutcome<SkipReason> } | undefined> {
  const { files, codexHome, waitMs, signal, onWarning, dryRun = false } = options;
  const place = resolvedPath(existingForm(given) ?? given);
  const before = await files.stat(place);
  if (before === undefined) return undefined;
  if (!before.isFile()) throw new RolloutError("not_a_file", place, `${place} is not a file; name a rollout file`);
  const plain = plainName(place);
  const lockOptions = { ...sidecarsOf(plain, codexHome), files, waitMs, signal, onWarning };
  await using locked = await lockJsonl(plain, lockOptions);
  // The previous holder of the lock may have unpacked a compressed file.
  const path = existingForm(place) ?? place;
  let editor = newEditor();
  let outcome: EditOutcome<SkipReason> | undefined;
  if (path.endsWith(".zst")) {
    outcome = await locked.unpack({ path, chunks: unpack(path, signal) }, editor, { dryRun, signal });
    if (!dryRun && outcome.mode !== "unchanged") {
      editor = newEditor();
      outcome = undefined;
    }
  }
  outcome ??= await locked.edit(editor, { dryRun, signal });
  if (!dryRun) await after(editor);
  return { editor, outcome };
}
