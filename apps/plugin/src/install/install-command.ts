import { dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Change, installPlugin, profileRoot, uninstallPlugin } from "@plexum/profile";
import { loadConfig } from "../config.ts";
import { manifestFor } from "../manifest.ts";
import { EXECUTABLE_NAME, PLUGIN_NAME, VERSION } from "../name.ts";
import { chooseCodex } from "./choose-codex.ts";
import { stableNodePath } from "./stable-node.ts";

const INSTALL_USAGE = `usage: plexum-openai-provider install [--profile DIR] [--codex PATH]
Puts the plugin into a Plexum profile, or brings it there up to date.
  --profile DIR  the profile (default: PLEXUM_PROFILE_ROOT, else ~/.plexum)
  --codex PATH   the codex to run (default: what the config names, else what is found on this machine)
`;

const UNINSTALL_USAGE = `usage: plexum-openai-provider uninstall [--profile DIR]
Takes the plugin out of a Plexum profile again. Agents' workspaces and codex's sessions stay.
  --profile DIR  the profile (default: PLEXUM_PROFILE_ROOT, else ~/.plexum)
`;

const help = { type: "boolean", short: "h", default: false } as const;

/** Resolves with the exit code. */
export async function installCommand(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  return run("install", INSTALL_USAGE, async () => {
    const options = { profile: { type: "string" }, codex: { type: "string" }, help } as const;
    const { values } = parseArgs({ args: [...argv], options });
    if (values.help) return print(INSTALL_USAGE);
    const profile = profileFrom(values.profile, env);
    const loaded = await loadConfig({ ...env, PLEXUM_PROFILE_ROOT: profile });
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
    if (codex.gone !== undefined) print(`The config named ${codex.gone}, which is gone.\n`);
    print(`codex ${codex.version}, ${codex.isSignedIn ? "signed in" : "not signed in"}\n`);
    if (!codex.isSignedIn) print(`Sign in as the user that the host runs as: ${codex.path} login\n`);
    const isUpToDate = changes.every(({ what }) => what === "unchanged");
    print(
      isUpToDate ? "Nothing had to be changed.\n" : "A host that is running takes it up when it is started anew.\n",
    );
    const flag = values.profile === undefined ? "" : ` --profile ${JSON.stringify(profile)}`;
    print(`Whether all is well: npx ${PLUGIN_NAME} doctor${flag}\n`);
  });
}

/** Resolves with the exit code. */
export async function uninstallCommand(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  return run("uninstall", UNINSTALL_USAGE, async () => {
    const { values } = parseArgs({ args: [...argv], options: { profile: { type: "string" }, help } });
    if (values.help) return print(UNINSTALL_USAGE);
    const profile = profileFrom(values.profile, env);
    const changes = await uninstallPlugin({ profile, name: PLUGIN_NAME, executable: EXECUTABLE_NAME });
    print(`${PLUGIN_NAME} is out of ${profile}\n\n${table(profile, changes)}\n`);
  });
}

const profileFrom = (flag: string | undefined, env: NodeJS.ProcessEnv) =>
  profileRoot(flag === undefined ? env : { PLEXUM_PROFILE_ROOT: flag });

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
        ? "Name one by --codex PATH.\n"
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
