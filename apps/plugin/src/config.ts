import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import * as z from "zod/mini";
import { PLUGIN_NAME } from "./name.ts";

const text = z.string().check(z.minLength(1));

const schema = z.looseObject({
  binary: z.optional(text),
  extra_args: z.optional(z.array(z.string())),
  supported_models: z.optional(z.array(text).check(z.minLength(1))),
  model_args: z.optional(z.record(z.string(), text)),
  timeout_ms: z.optional(z.int().check(z.minimum(1))),
  mcp_registration: z.optional(z.enum(["run", "global"])),
  code_mode_tools: z.optional(z.enum(["direct", "nested"])),
  session_tools: z.optional(z.boolean()),
  session_resume: z.optional(z.boolean()),
});

/** What is expected of each key, for the person who has to mend the file. */
const EXPECTED: Record<string, string> = {
  binary: "a string: the name or path of the codex executable",
  extra_args: "a list of strings: arguments for codex exec",
  supported_models: "a list of at least one model name",
  model_args: "an object that maps a model name to a value for --model",
  timeout_ms: "a whole number of milliseconds from 1",
  mcp_registration: '"run" (for each run alone) or "global" (in codex\'s own config)',
  code_mode_tools: '"direct" (called by the model itself) or "nested" (called from inside its scripts)',
  session_tools: "true or false: whether agents are offered tools for the codex sessions of this machine",
  session_resume: "true or false: whether one of these tools resumes sessions",
};

export interface Config {
  /** The codex executable: a path, or a name on the PATH. */
  readonly binary: string;
  /** More arguments for `codex exec`, in front of the prompt. */
  readonly extraArgs: readonly string[];
  /** The models offered to the host. */
  readonly supportedModels: readonly string[];
  /** Model name → value of `--model`. */
  readonly modelArgs: Readonly<Record<string, string>>;
  /** A turn's time limit. Undefined: the default of a turn, an hour. */
  readonly timeoutMs: number | undefined;
  /** How codex learns of the host's tools: for each run alone, or from its own config, where every agent's codex sees them. */
  readonly mcpRegistration: "run" | "global";
  /** How models that codex drives in code mode call the host's tools: by themselves, or from inside their scripts. */
  readonly codeModeTools: "direct" | "nested";
  /** Whether the plugin offers the host tools for this machine's codex sessions. */
  readonly sessionTools: boolean;
  /** Whether one of them resumes sessions, which runs a prompt with all rights. */
  readonly sessionResume: boolean;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly path: string;
  readonly warnings: readonly string[];
}

/** The config's file names its fault in its message. */
class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "config_invalid";
}

/** Where a profile has the plugin. */
export const pluginFolder = (profile: string): string => join(profile, "plugins", PLUGIN_NAME);

const configPath = (env: NodeJS.ProcessEnv): string =>
  join(pluginFolder(env.PLEXUM_PROFILE_ROOT || join(homedir(), ".plexum")), "config.json");

/**
 * Reads the config. A missing file is an empty one; an unknown key is a warning.
 * @throws ConfigError naming the file, the key and what was expected.
 */
export async function loadConfig(env: NodeJS.ProcessEnv): Promise<LoadedConfig> {
  const path = configPath(env);
  const content = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw new ConfigError(`${path} can't be read (${error.message}): make it readable for this user, or remove it.`, {
      cause: error,
    });
  });
  return { ...readConfig(content, path), path };
}

/** What holds where the file says nothing. */
export const defaultConfig = (): Config => readConfig("{}", "").config;

function readConfig(content: string, path: string): Omit<LoadedConfig, "path"> {
  const parsed = schema.safeParse(parseJson(content, path));
  if (!parsed.success) {
    const [key] = parsed.error.issues[0]?.path ?? [];
    throw new ConfigError(
      key === undefined
        ? `${path} must hold a JSON object, as {"binary": "codex"}.`
        : `${path}: "${String(key)}" must be ${EXPECTED[String(key)]}.`,
    );
  }
  const { data } = parsed;
  const unknown = Object.keys(data).filter((key) => !(key in EXPECTED));
  return {
    config: {
      binary: data.binary ?? "codex",
      extraArgs: data.extra_args ?? [],
      supportedModels: data.supported_models ?? ["codex"],
      modelArgs: data.model_args ?? {},
      timeoutMs: data.timeout_ms,
      mcpRegistration: data.mcp_registration ?? "run",
      codeModeTools: data.code_mode_tools ?? "direct",
      sessionTools: data.session_tools ?? true,
      sessionResume: data.session_resume ?? false,
    },
    warnings: unknown.map(
      (key) =>
        `${path}: the key "${key}" is not known and has no effect; known are ${Object.keys(EXPECTED).join(", ")}`,
    ),
  };
}

function parseJson(content: string, path: string): unknown {
  try {
    // Some editors put a byte order mark in front.
    return JSON.parse(content.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new ConfigError(
      `${path} is not JSON (${(cause as Error).message}): correct it, or remove it and install again, which writes a new one.`,
      { cause },
    );
  }
}
