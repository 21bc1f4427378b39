import { basename, join } from "node:path";
import type { SidecarNames } from "@plexum/jsonl-edit";
import { parseRolloutName } from "../find/rollout-name.ts";

/**
 * Names that don't look like a rollout's, don't hold a thread id (codex searches names for one, and not only exactly) and don't end
 * in `.tmp` (codex deletes such files under `sessions`).
 */
export const SIDECAR_PREFIX = ".plexum-";

/** A rollout's name without the ending of a compressed one: its sidecars are named after that. */
export const plainName = (name: string): string => name.replace(/\.zst$/, "");

/**
 * How the files beside a rollout are named, and where else it may have stood when a crash left something there: codex moves it when it
 * is archived and brought back.
 */
export function sidecarsOf(path: string, codexHome: string | undefined): SidecarNames {
  const day = parseRolloutName(basename(path))?.day;
  const formerFolders =
    codexHome === undefined || day === undefined
      ? []
      : [join(codexHome, "archived_sessions"), join(codexHome, "sessions", day)];
  return { sidecarPrefix: SIDECAR_PREFIX, formerFolders };
}
