import { homedir } from "node:os";
import { delimiter, dirname, join, sep } from "node:path";
import { type CodexProbe, CodexTurnError, OLDEST_SUPPORTED_VERSION, probeCodex } from "@plexum/codex-turn";
import type { LoadedConfig } from "../config.ts";

export interface ChosenCodex extends CodexProbe {
  /** The path in the config, if it no longer exists. */
  readonly gone?: string;
}

/**
 * Chooses the codex for the plugin: the one that the user names, otherwise the one in the config, otherwise one found on this machine.
 *
 * @throws CodexTurnError if there is none, or none that works.
 */
export async function chooseCodex(
  named: string | undefined,
  { config }: Pick<LoadedConfig, "config">,
  env: NodeJS.ProcessEnv,
): Promise<ChosenCodex> {
  if (named !== undefined) return probe(named, env);
  try {
    return await probe(config.binary, env);
  } catch (error) {
    const isGone = CodexTurnError.isInstance(error) && error.code === "binary_not_found";
    if (!isGone || config.binary === "codex") throw error;
    return { ...(await probe("codex", env)), gone: config.binary };
  }
}

async function probe(binary: string, env: NodeJS.ProcessEnv): Promise<CodexProbe> {
  const found = await probeCodex({ binary, env: { ...env, PATH: searchPath(env) } });
  if (found.isSupported) return found;
  throw new CodexTurnError(
    "version_unsupported",
    `${found.path} is codex ${found.version}; the oldest supported version is ${OLDEST_SUPPORTED_VERSION}. Update it with "npm install -g @openai/codex@latest".`,
  );
}

/**
 * Returns the folders that codex may be in: the PATH, and the usual folders of npm and other installers, since there may be no PATH.
 * Skips `node_modules`, whose programs belong to a project: npx adds its own and those of the current folder to the PATH.
 */
function searchPath(env: NodeJS.ProcessEnv): string {
  const given = (env.PATH ?? "").split(delimiter).filter((folder) => !folder.split(sep).includes("node_modules"));
  const home = homedir();
  const usual = [
    dirname(process.execPath),
    join(home, ".local", "bin"),
    join(home, ".npm-global", "bin"),
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/usr/bin",
  ];
  return [...given, ...usual].join(delimiter);
}
