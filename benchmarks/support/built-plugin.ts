/** The plugin as it is shipped, for the benchmarks that run it. */
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { newestCodex } from "@plexum/real-codex";

/** The built plugin's program. */
export const builtPlugin = join(
  dirname(createRequire(import.meta.url).resolve("plexum-openai-provider/package.json")),
  "dist",
  "main.js",
);

/** Writes a config that names the newest codex into a profile. Returns how `connectPlugin` starts the plugin there. */
export async function configurePlugin(profile: string, env: NodeJS.ProcessEnv, config: object = {}) {
  const folder = join(profile, "plugins", "plexum-openai-provider");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), JSON.stringify({ binary: newestCodex.path, ...config }));
  return { command: process.execPath, args: [builtPlugin], env: { ...env, PLEXUM_PROFILE_ROOT: profile } };
}
