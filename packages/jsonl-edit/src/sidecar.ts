import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { parseRolloutName } from "./rollout-name.ts";

/**
 * The files that a mutation puts beside a rollout while it lasts.
 *
 * Their names don't look like a rollout's, don't hold a thread id (codex searches names for one, and not only exactly) and
 * don't end in `.tmp` (codex deletes such files under `sessions`).
 */
export function sidecar(path: string, kind: "lock" | "redo" | "new", folder = dirname(path)): string {
  return join(folder, `.plexum-${sidecarKey(basename(path))}.${kind}`);
}

/** What the names of these files share, by the name of the rollout. */
export function sidecarKey(name: string): string {
  return createHash("sha256")
    .update(name.replace(/\.zst$/, ""))
    .digest("hex")
    .slice(0, 16);
}

/**
 * Where a rollout may have stood when a crash left something beside it: where it stands, or, as codex moves it when it is
 * archived and brought back, in the other place.
 */
export function foldersOf(path: string, codexHome: string | undefined): string[] {
  const here = dirname(path);
  const day = parseRolloutName(basename(path))?.day;
  if (codexHome === undefined || day === undefined) return [here];
  const places = [join(codexHome, "archived_sessions"), join(codexHome, "sessions", day)];
  return [here, ...places.filter((place) => place !== here)];
}
