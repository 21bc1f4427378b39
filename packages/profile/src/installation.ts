import { inFile } from "./errors.ts";
import { readRecord } from "./install-record.ts";
import { placesOf } from "./places.ts";
import { isAllowed } from "./plexum-json.ts";
import { readText } from "./replace-file.ts";

/** The state of a plugin in a profile. */
export interface Installation {
  readonly folder: string;
  /** The version that `installPlugin` installed. Undefined if the plugin was installed by hand. */
  readonly version: string | undefined;
  /** The text of `manifest.json`. Undefined if there is none: the host does not know the plugin then. */
  readonly manifest: string | undefined;
  /** Whether `plugins.allow` lists it. */
  readonly allowed: boolean;
}

/**
 * Reads the state of a plugin in a profile. Changes nothing.
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
