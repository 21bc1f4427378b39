import { homedir } from "node:os";
import { delimiter, dirname, join, sep } from "node:path";
import { type CodexProbe, CodexTurnError, OLDEST_SUPPORTED_VERSION, probeCodex } from "@plexum/codex-turn";
import type { LoadedConfig } from "../config.ts";

export interface ChosenCodex extends CodexProbe {
  /** What the config names and is not there any more. */
  readonly gone?: string;
}

/**
 * The codex that the plugin is to run: what a person names, else what the config names, else what is found on this machine.
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
    `${found.path} is codex ${found.version}, and ${OLDEST_SUPPORTED_VERSION} is the oldest that works here: update it with "npm install -g @openai/codex@latest".`,
  );
}

/**
 * Where codex may be: the PATH, and where npm and people put programs, for there may be no PATH. What is in some project's
 * `node_modules` belongs to that project, and npx puts its own and those around the current folder on the PATH.
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
