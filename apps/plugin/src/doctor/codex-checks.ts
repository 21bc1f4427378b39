import { basename } from "node:path";
import { NEWEST_TESTED_VERSION, OLDEST_SUPPORTED_VERSION } from "@plexum/codex-turn";
import { type Check, type Outcome, ok, unchecked } from "./check.ts";
import type { Context } from "./context.ts";

export const codexFound: Check = {
  id: "codex-found",
  meaning: "No turn can start.",
  remedy:
    'Install codex ("npm install -g @openai/codex"), or give its absolute path as "binary" in the plugin\'s config.',
  timeoutMs: 25_000,
  async run(context) {
    const { path } = await context.codex();
    const loaded = await context.loadedConfig().catch(() => undefined);
    if (loaded === undefined) return ok(`${path}, found with the default settings, since the config can't be read`);
    const { binary } = loaded.config;
    if (binary === basename(binary)) {
      return {
        status: "warning",
        title: `${path}: found because "${binary}" is on this PATH`,
        meaning: "A host that runs as a service has a different PATH. Turns fail if codex is not on it.",
        remedy: `Set "binary" to this path in ${loaded.path}, or run install, which does so.`,
      };
    }
    return ok(path);
  },
};

export const codexVersion: Check = {
  id: "codex-version",
  meaning: "The plugin refuses to start turns with this codex.",
  remedy: 'Update codex: "npm install -g @openai/codex@latest".',
  timeoutMs: 25_000,
  run: (context) =>
    ifFound(context, ({ version, isSupported, isNewerThanTested }) => {
      if (!isSupported)
        return {
          status: "error",
          title: `${version} is older than ${OLDEST_SUPPORTED_VERSION}, the oldest supported version`,
        };
      if (stopsAfterLongResults(version))
        return {
          status: "warning",
          title: `${version}: 0.136 to 0.146 sometimes hang`,
          meaning: "Some turns hang until their time limit when a host tool returns a long result.",
        };
      return ok(
        isNewerThanTested
          ? `${version}, newer than the newest version that this plugin was tested with (${NEWEST_TESTED_VERSION})`
          : version,
      );
    }),
};

/** Seen in each minor version from 0.136 to 0.146, in up to 6 of 15 turns, and in none of 0.135 and 0.147: docs/codex.md. */
function stopsAfterLongResults(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major === 0 && minor >= 136 && minor <= 146;
}

export const codexLogin: Check = {
  id: "codex-login",
  meaning: "Turns fail as not_signed_in, unless codex's config names a model provider that needs no login.",
  remedy: 'Run "codex login" as the user that the host runs as, with the same CODEX_HOME.',
  timeoutMs: 25_000,
  run: (context) =>
    ifFound(context, ({ login, loginStatus, configError }) => {
      if (login === "signed_in") return ok("signed in");
      if (configError !== undefined) return unchecked("codex can't read its config", "codex-config");
      if (login === "signed_out") return { status: "warning", title: "codex is not signed in", detail: loginStatus };
      return {
        status: "warning",
        title: "codex does not say whether it is signed in",
        detail: loginStatus,
        meaning: "Turns may fail.",
        remedy: "Follow codex's message. If auth.json can't be read, \"codex login\" writes a new one.",
      };
    }),
};

export const codexConfig: Check = {
  id: "codex-config",
  meaning: "codex refuses to start: each turn fails as config_invalid.",
  remedy: "Correct what codex's message names, usually a line of config.toml in CODEX_HOME.",
  timeoutMs: 25_000,
  run: (context) =>
    ifFound(context, ({ configError }) =>
      configError === undefined
        ? ok("codex can read its config")
        : { status: "error", title: "codex can't read its config", detail: configError },
    ),
};

async function ifFound(
  context: Context,
  look: (codex: Awaited<ReturnType<Context["codex"]>>) => Outcome,
): Promise<Outcome> {
  const codex = await context.codex().catch(() => undefined);
  return codex === undefined ? unchecked("codex was not found", "codex-found") : look(codex);
}
