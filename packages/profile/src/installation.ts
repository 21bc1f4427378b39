import { isAllowed } from "./allow-entry.ts";
import { inFile } from "./errors.ts";
import { readRecord } from "./install-record.ts";
import { placesOf } from "./places.ts";
import { readText } from "./replace-file.ts";

/** A plugin as it stands in a profile. */
export interface Installation {
  readonly folder: string;
  /** The version that `installPlugin` put there; undefined if it was put there by hand. */
  readonly version: string | undefined;
  /** The text of `manifest.json`; undefined if there is none, and the host knows nothing of the plugin. */
  readonly manifest: string | undefined;
  /** Whether `plugins.allow` names it. */
  readonly allowed: boolean;
}

/**
 * Looks at a plugin in a profile, and changes nothing.
 * @throws ProfileError `invalid_file` or `io`.
 */
export async function readInstallation(profile: string, name: string): Promise<Installation> {
  const places = placesOf(profile, name);
  const settings = await readText(places.settings);
  return {
    folder: places.folder,
    version: (await readRecord(places))?.version,
    manifest: await readText(places.manifest),
    allowed: inFile(places.settings, () => isAllowed(settings, name)),
  };
}
