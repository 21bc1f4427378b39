import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ProfileError } from "./errors.ts";

/** The profile a host and its plugins use: `PLEXUM_PROFILE_ROOT`, else `~/.plexum`. */
export const profileRoot = (env: NodeJS.ProcessEnv): string =>
  resolve(env.PLEXUM_PROFILE_ROOT || join(homedir(), ".plexum"));

/** Where a plugin's parts stand in a profile. */
export interface Places {
  /** The host's own settings. */
  readonly settings: string;
  readonly folder: string;
  readonly config: string;
  readonly manifest: string;
  readonly programs: string;
  /** Where what stood in the way was put. */
  readonly setAside: string;
}

/** @throws ProfileError `invalid_program` if the name can't be a folder's. */
export function placesOf(profile: string, name: string): Places {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    throw new ProfileError("invalid_program", `${JSON.stringify(name)} can't be the name of a plugin's folder.`);
  const root = resolve(profile);
  const folder = join(root, "plugins", name);
  return {
    settings: join(root, "plexum.json"),
    folder,
    config: join(folder, "config.json"),
    manifest: join(folder, "manifest.json"),
    programs: join(folder, "program"),
    setAside: join(folder, "before-install"),
  };
}
