import { join } from "node:path";
import { editLeftovers, type Recovery } from "@plexum/jsonl-edit";
import { asRolloutError } from "../errors.ts";
import { defaultCodexHome } from "../find/codex-home.ts";
import { daysBackward, type FindRolloutOptions } from "../find/find-rollout.ts";
import { recoverRollout } from "./recover-rollout.ts";
import { plainName, SIDECAR_PREFIX } from "./sidecars.ts";

/** Leftovers of a mutation that was killed, by itself or with its machine. */
export interface MutationLeftover {
  /** The mutated rollout. Undefined if it no longer exists: then there is nothing to finish. */
  readonly rollout: string | undefined;
  /** The paths of the leftovers. */
  readonly files: readonly string[];
  /**
   * Finishes or drops the mutation, as `recoverRollout` does, and removes the files.
   * @throws RolloutError `busy` if another process is mutating the rollout now; `not_permitted` and the like.
   */
  repair(): Promise<Recovery>;
}

/**
 * Finds leftovers of interrupted mutations in a codex home. Recovery happens by itself when a thread is used again; this is for
 * threads that nobody uses. Files of a running mutation are not included. Lists directories, and reads only the locks among the
 * files found.
 *
 * @throws RolloutError `not_permitted` or `io` if a directory can't be listed.
 */
export async function mutationLeftovers(options: FindRolloutOptions = {}): Promise<MutationLeftover[]> {
  const { codexHome = defaultCodexHome(), signal } = options;
  const found = await editLeftovers(() => folders(codexHome), {
    sidecarPrefix: SIDECAR_PREFIX,
    editedName: (name) => (/\.jsonl(\.zst)?$/.test(name) ? plainName(name) : undefined),
    recover: (rollout) => recoverRollout(rollout, { codexHome }),
    signal,
  }).catch((error) => {
    throw asRolloutError(error, codexHome, "look for leftovers in");
  });
  return found.map(({ file, leftovers, repair }) => ({
    rollout: file,
    files: leftovers,
    repair: () =>
      repair().catch((error) => {
        throw asRolloutError(error, leftovers[0] ?? codexHome, "clean up after a mutation,");
      }),
  }));
}

/** The archive is listed before and after the rest, since codex may be moving a rollout to or from it. */
function* folders(codexHome: string): Generator<string, void, undefined> {
  const archive = join(codexHome, "archived_sessions");
  const sessions = join(codexHome, "sessions");
  yield archive;
  for (const day of daysBackward(sessions)) yield join(sessions, day);
  yield archive;
}
