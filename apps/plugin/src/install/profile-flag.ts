import { resolve } from "node:path";

/**
 * Returns the environment with the profile that `--profile` names.
 *
 * @throws Error if the name is empty, for example from an unset variable in a script: it would mean the current folder or another
 * profile.
 */
export function withProfile(env: NodeJS.ProcessEnv, profile: string | undefined): NodeJS.ProcessEnv {
  if (profile === undefined) return env;
  if (profile === "") throw new Error("--profile is empty: name a folder, or omit the flag");
  return { ...env, PLEXUM_PROFILE_ROOT: resolve(profile) };
}
