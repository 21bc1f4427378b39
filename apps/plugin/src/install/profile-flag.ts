import { resolve } from "node:path";

/**
 * The environment with the profile that `--profile` names in it.
 * @throws Error if that is empty, as a script's unset variable leaves it: it would mean the current folder, or another profile.
 */
export function withProfile(env: NodeJS.ProcessEnv, profile: string | undefined): NodeJS.ProcessEnv {
  if (profile === undefined) return env;
  if (profile === "") throw new Error("--profile names no folder: give one, or leave it out");
  return { ...env, PLEXUM_PROFILE_ROOT: resolve(profile) };
}
