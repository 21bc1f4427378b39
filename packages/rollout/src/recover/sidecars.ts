import { basename, join } from "node:path";
import type { SidecarNames } from "@plexum/jsonl-edit";
import { parseRolloutName } from "../find/rollout-name.ts";

/**
 * The prefix of sidecar names. The names must not look like a rollout's, must not contain a thread id (codex also searches for names
 * that contain one) and must not end in `.tmp` (codex deletes such files under `sessions`).
 */
export const SIDECAR_PREFIX = ".plexum-";

/** Returns a rollout's name without the ending of a compressed file. Its sidecars are named after it. */
export const plainName = (name: string): string => name.replace(/\.zst$/, "");

/**
 * Returns how the files beside a rollout are named, and the other folders in which a crash may have left some: codex moves a rollout
 * when it is archived or unarchived.
 */
export function sidecarsOf(path: string, codexHome: string | undefined): SidecarNames {
  const day = parseRolloutName(basename(path))?.day;
  const formerFolders =
    codexHome === undefined || day === undefined
      ? []
      : [join(codexHome, "archived_sessions"), join(codexHome, "sessions", day)];
  return { sidecarPrefix: SIDECAR_PREFIX, formerFolders };
}
