import { type SidecarKind, Sidecars } from "../../../jsonl-edit/src/lock/sidecar.ts";
import { plainName, SIDECAR_PREFIX } from "../recover/sidecars.ts";

/** Returns the path of the lock, the journal or the new file of a mutation. */
export const sidecarPath = (rollout: string, kind: SidecarKind): string =>
  new Sidecars(plainName(rollout), { sidecarPrefix: SIDECAR_PREFIX }).path(kind);
