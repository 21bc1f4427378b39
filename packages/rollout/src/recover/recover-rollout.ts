import { type Recovery, recoverJsonl, recoverBeforeReading as recoverJsonlBeforeReading } from "@plexum/jsonl-edit";
import { asRolloutError } from "../errors.ts";
import { codexHomeOf, resolvedPath } from "../find/codex-home.ts";
import { existingForm } from "../find/find-rollout.ts";
import { plainName, sidecarsOf } from "./sidecars.ts";

export type { Recovery };

export interface RecoverOptions {
  /**
   * How long to wait for a running mutation, in milliseconds.
   * @default 5_000
   */
  readonly waitMs?: number | undefined;
  /** The codex home, within which codex may have moved the rollout. Default: the home that the file is in. */
  readonly codexHome?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with a message when a file that has a name of this package, but can't be its own, is set aside. Default: a process warning. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Finishes a mutation that a crash interrupted. Afterwards the file is byte for byte as before that mutation or as after it. Removes
 * leftovers of a killed mutation beside the file, including locks. Costs a listing of the rollout's folder if there was no crash.
 *
 * `readRollout`, `followRollout` and `mutateRollout` also finish an interrupted mutation. Call this before you start codex on a
 * thread.
 *
 * @throws RolloutError `busy` if a running mutation does not end in time; `not_permitted` and the like if the mutation can't be
 * finished.
 */
export async function recoverRollout(path: string, options: RecoverOptions = {}): Promise<Recovery> {
  try {
    const { plain, ...where } = placeOf(path, options);
    return await recoverJsonl(plain, { ...options, ...where });
  } catch (error) {
    throw asRolloutError(error, path, "recover");
  }
}

/** Does the same for a reader. Does not wait for a running mutation, since the reader sees each line as before it or as after it. */
export async function recoverBeforeReading(path: string, options: Omit<RecoverOptions, "waitMs"> = {}): Promise<void> {
  try {
    const { plain, ...where } = placeOf(path, options);
    await recoverJsonlBeforeReading(plain, { ...options, ...where });
  } catch (error) {
    throw asRolloutError(error, path, "recover");
  }
}

/** Returns where a rollout is, plain and compressed, and where leftovers from its former folders are. */
function placeOf(path: string, options: RecoverOptions) {
  const codexHome = options.codexHome ?? codexHomeOf(path);
  const plain = plainName(resolvedPath(existingForm(path) ?? path));
  return { plain, otherForm: `${plain}.zst`, ...sidecarsOf(plain, codexHome) };
}
