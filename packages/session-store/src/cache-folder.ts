import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * Returns this project's folder, `plexum-codex`, in the user's cache folder. Does not create it.
 *
 * @throws SystemError if the user's home folder is unknown.
 */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  return join(userCaches(env, platform), "plexum-codex");
}

function userCaches(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (platform === "win32") return env.LOCALAPPDATA || join(homedir(), "AppData", "Local");
  if (platform === "darwin") return join(homedir(), "Library", "Caches");
  const { XDG_CACHE_HOME: folder = "" } = env;
  return isAbsolute(folder) ? folder : join(homedir(), ".cache");
}
