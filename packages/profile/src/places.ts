import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ProfileError } from "./errors.ts";

/** Returns the profile that a host and its plugins use: `PLEXUM_PROFILE_ROOT`, else `~/.plexum`. */
export const profileRoot = (env: NodeJS.ProcessEnv): string =>
  resolve(env.PLEXUM_PROFILE_ROOT || join(homedir(), ".plexum"));

/** The paths of a plugin's parts in a profile. */
export interface Places {
  /** The host's own settings. */
  readonly settings: string;
  readonly folder: string;
  readonly config: string;
  readonly manifest: string;
  readonly programs: string;
  /** What was changed, so that it can be undone. */
  readonly record: string;
  /** The folder for files of another plugin that were moved out of the way. */
  readonly setAside: string;
}

/**
 * Returns the paths of a plugin's parts.
 * @throws ProfileError `invalid_program` if the name can't be a folder name.
 */
export function placesOf(profile: string, name: string): Places {
  checkName("the name of a plugin's folder", name);
  const root = resolve(profile);
  const folder = join(root, "plugins", name);
  return {
    settings: join(root, "plexum.json"),
    folder,
    config: join(folder, "config.json"),
    manifest: join(folder, "manifest.json"),
    programs: join(folder, "program"),
    record: join(folder, "install.json"),
    setAside: join(folder, "before-install"),
  };
}

/**
 * Returns the path of the launcher.
 * @throws ProfileError `invalid_program` if the launcher can't have that name.
 */
export function launcherIn(places: Places, executable: string): string {
  checkName("the name of an executable", executable);
  // Not every file system is case-sensitive.
  if (Object.values(places).includes(join(places.folder, executable.toLowerCase())))
    throw new ProfileError(
      "invalid_program",
      `"${executable}" can't be the name of an executable: another file has that name.`,
    );
  return join(places.folder, executable);
}

/** A file name that can't lead out of its folder, on any system. */
export const BARE_NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;

/** @throws ProfileError `invalid_program` */
export function checkName(what: string, name: string): void {
  if (BARE_NAME.test(name)) return;
  const remedy = "use a letter or a digit, followed by letters, digits and . _ + -";
  throw new ProfileError("invalid_program", `${JSON.stringify(name)} can't be ${what}: ${remedy}.`);
}
