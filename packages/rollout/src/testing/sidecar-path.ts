import { type SidecarKind, Sidecars } from "../../../jsonl-edit/src/lock/sidecar.ts";
import { plainName, SIDECAR_PREFIX } from "../recover/sidecars.ts";

/** Where a mutation of a rollout has its lock, its journal or its new file. */
export const sidecarPath = (rollout: string, kind: SidecarKind): string =>
  new Sidecars(plainName(rollout), { sidecarPrefix: SIDECAR_PREFIX }).path(kind);
