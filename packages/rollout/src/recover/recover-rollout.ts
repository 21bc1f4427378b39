import { type Recovery, recoverJsonl, recoverBeforeReading as recoverJsonlBeforeReading } from "@plexum/jsonl-edit";
import { asRolloutError } from "../errors.ts";
import { codexHomeOf, resolvedPath } from "../find/codex-home.ts";
import { existing } from "../find/find-rollout.ts";
import { plainName, sidecarsOf } from "./sidecars.ts";

export type { Recovery };

export interface RecoverOptions {
  /** How long to wait for a mutation that is under way, in milliseconds. Default 5,000. */
  readonly waitMs?: number | undefined;
  /** Codex may have moved the rollout within it since. Default: the home that the file stands in. */
  readonly codexHome?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Gets a message about something that was set aside, since it stood under a name of this package's and can't be its. Default: a process warning. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Finishes what a crash interrupted in `mutateRollout`: afterwards the file is byte for byte as before that mutation or as after it.
 * Removes what a killed mutation left beside it, locks among it. Costs a listing of the rollout's folder if there was no crash.
 * `readRollout`, `followRollout` and `mutateRollout` finish an interrupted mutation too; call this before codex is started on a thread.
 *
 * @throws RolloutError `busy` if a mutation is under way and does not end in time; `not_permitted` and the like if what is to be
 * finished can't be written.
 */
export async function recoverRollout(path: string, options: RecoverOptions = {}): Promise<Recovery> {
  try {
    const { plain, ...where } = placeOf(path, options);
    return await recoverJsonl(plain, { ...options, ...where });
  } catch (error) {
    throw asRolloutError(error, path, "recover");
  }
}

/** For a reader: a mutation that is under way is none of its business, since it sees each line as before or as after it. */
export async function recoverBeforeReading(path: string, options: Omit<RecoverOptions, "waitMs"> = {}): Promise<void> {
  try {
    const { plain, ...where } = placeOf(path, options);
    await recoverJsonlBeforeReading(plain, { ...options, ...where });
  } catch (error) {
    throw asRolloutError(error, path, "recover");
  }
}

/** Where a rollout stands, plain and compressed. What it left that stands elsewhere by now is found from there. */
function placeOf(path: string, options: RecoverOptions) {
  const codexHome = options.codexHome ?? codexHomeOf(path);
  const plain = plainName(resolvedPath(existing(path) ?? path));
  return { plain, otherForm: `${plain}.zst`, ...sidecarsOf(plain, codexHome) };
}
