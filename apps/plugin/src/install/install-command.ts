import { rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Change, installPlugin, profileRoot, uninstallPlugin } from "@plexum/profile";
import { cacheFolder } from "@plexum/session-store/cache-folder";
import { loadConfig, pluginFolder } from "../config.ts";
import { manifestFor } from "../manifest.ts";
import { EXECUTABLE_NAME, PLUGIN_NAME, VERSION } from "../name.ts";
import { chooseCodex } from "./choose-codex.ts";
import { removeRegistrations } from "./own-registrations.ts";
import { withProfile } from "./profile-flag.ts";
import { stableNodePath } from "./stable-node.ts";

const INSTALL_USAGE = `usage: plexum-openai-provider install [--profile DIR] [--codex PATH]
Install the plugin into a Plexum profile, or update it there.

  --profile DIR  the profile (default: PLEXUM_PROFILE_ROOT, otherwise ~/.plexum)
  --codex PATH   the codex to run (default: the one in the config, otherwise one found on this machine)
`;

const UNINSTALL_USAGE = `usage: plexum-openai-provider uninstall [--profile DIR]
Remove the plugin from a Plexum profile. Stop the host first. Agents' workspaces and codex's sessions stay.

  --profile DIR  the profile (default: PLEXUM_PROFILE_ROOT, otherwise ~/.plexum)
`;

const help = { type: "boolean", short: "h", default: false } as const;

/** Runs `install`. Resolves to the exit code. */
export async function installCommand(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  return run("install", INSTALL_USAGE, async () => {
    const options = { profile: { type: "string" }, codex: { type: "string" }, help } as const;
    const { values } = parseArgs({ args: [...argv], options });
    if (values.help) return print(INSTALL_USAGE);
    const profileEnv = withProfile(env, values.profile);
    const profile = profileRoot(profileEnv);
    const loaded = await loadConfig(profileEnv);
    for (const warning of loaded.warnings) process.stderr.write(`warning: ${warning}\n`);
    const codex = await chooseCodex(values.codex, loaded, env);
    const node = await stableNodePath();
    const changes = await installPlugin({
      profile,
      manifest: manifestFor(loaded.config),
      program: { folder: dirname(fileURLToPath(import.meta.url)), main: "main.js" },
      node,
      config: { binary: codex.path },
    });

    print(`${PLUGIN_NAME} ${VERSION} in ${profile}\n\n${table(profile, changes)}\n`);
    if (codex.gone !== undefined) print(`The codex in the config, ${codex.gone}, no longer exists.\n`);
    print(`codex ${codex.version}, ${LOGINS[codex.login]}\n`);
    if (codex.login === "signed_out") print(`Sign in as the user that the host runs as: ${codex.path} login\n`);
    const isUpToDate = changes.every(({ what }) => what === "unchanged");
    print(isUpToDate ? "Everything is up to date.\n" : "Restart the host to load the new version.\n");
    print(`Check the installation: ${shellWord(launcherPath(profile))} doctor\n`);
  });
}

/** Runs `uninstall`. Resolves to the exit code. */
export async function uninstallCommand(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  return run("uninstall", UNINSTALL_USAGE, async () => {
    const { values } = parseArgs({ args: [...argv], options: { profile: { type: "string" }, help } });
    if (values.help) return print(UNINSTALL_USAGE);
    const profileEnv = withProfile(env, values.profile);
    const profile = profileRoot(profileEnv);
    const config = await loadConfig(profileEnv).then(
      (loaded) => loaded.config,
      () => undefined,
    );
    // First, since a removed plugin can't be asked to do this.
    const registrations = await removeRegistrations(pluginFolder(profile), config, env);
    const changes = await uninstallPlugin({ profile, name: PLUGIN_NAME });
    print(`${PLUGIN_NAME} was removed from ${profile}\n\n${table(profile, changes)}\n`);
    await removeCache().catch(() => {});
    for (const line of registrations) print(`${line}\n`);
  });
}

const removeCache = async () => rm(cacheFolder(), { recursive: true, force: true });

/** The launcher sets the profile and accepts every subcommand. */
const launcherPath = (profile: string) => join(pluginFolder(profile), EXECUTABLE_NAME);

/** Quotes a word for a command that the user copies. */
const shellWord = (text: string) => (/^[\w./:\\-]+$/.test(text) ? text : JSON.stringify(text));

const NO_CODEX = ["binary_not_found", "binary_not_executable", "spawn_failed", "version_unsupported"];

async function run(name: string, usage: string, command: () => Promise<void>): Promise<number> {
  try {
    await command();
    return 0;
  } catch (error) {
    const { code = "", message } = error as Error & { code?: string };
    const hint = code.startsWith("ERR_PARSE_ARGS")
      ? usage
      : NO_CODEX.includes(code)
        ? "Choose one with --codex PATH.\n"
        : "";
    process.stderr.write(`${name}: ${message}\n${hint}`);
    return 1;
  }
}

function table(profile: string, changes: readonly Change[]): string {
  const width = Math.max(...changes.map(({ path }) => relative(profile, path).length));
  const lines = changes.map(({ path, what, note }) =>
    `  ${what.padEnd(9)}  ${relative(profile, path).padEnd(width)}  ${note}`.trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join("");
}

function print(text: string): void {
  process.stdout.write(text);
}

const LOGINS = {
  signed_in: "signed in",
  signed_out: "not signed in",
  unknown: "which does not report whether it is signed in: run doctor",
} as const;
