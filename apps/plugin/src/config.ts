import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { SandboxMode } from "@plexum/codex-turn";
import * as z from "zod/mini";
import { PLUGIN_NAME } from "./name.ts";

const text = z.string().check(z.minLength(1));

const modelChoice = z.strictObject({ model: z.optional(text), effort: z.optional(text) });

const schema = z.looseObject({
  binary: z.optional(text),
  extra_args: z.optional(z.array(z.string())),
  supported_models: z.optional(z.array(text).check(z.minLength(1))),
  model_args: z.optional(z.record(z.string(), z.union([text, modelChoice]))),
  transport: z.optional(z.enum(["auto", "app-server", "exec"])),
  keep_alive_ms: z.optional(z.int().check(z.minimum(0))),
  max_kept: z.optional(z.int().check(z.minimum(0))),
  sandbox: z.optional(z.enum(["danger-full-access", "workspace-write", "read-only"])),
  timeout_ms: z.optional(z.int().check(z.minimum(1))),
  stall_ms: z.optional(z.int().check(z.minimum(1))),
  mcp_registration: z.optional(z.enum(["run", "global"])),
  code_mode_tools: z.optional(z.enum(["direct", "nested"])),
  session_tools: z.optional(z.boolean()),
  session_resume: z.optional(z.boolean()),
});

/** The expected value of each key, for the error message. */
const EXPECTED: Record<string, string> = {
  binary: "a string: the name or path of the codex executable",
  extra_args: "a list of strings: arguments for codex exec",
  supported_models: "a list of at least one model name",
  model_args: 'an object that maps a model name to a model of codex, or to {"model", "effort"}',
  transport: '"auto", "app-server" or "exec"',
  keep_alive_ms: "a whole number of milliseconds; 0 keeps no process",
  max_kept: "a whole number of processes",
  sandbox: '"danger-full-access", "workspace-write" or "read-only"',
  timeout_ms: "a whole number of milliseconds, at least 1",
  stall_ms: "a whole number of milliseconds, at least 1",
  mcp_registration: '"run" (for each run alone) or "global" (in codex\'s own config)',
  code_mode_tools: '"direct" (called by the model itself) or "nested" (called from inside its scripts)',
  session_tools: "true or false: whether agents get tools for the codex sessions of this machine",
  session_resume: "true or false: whether one of these tools resumes sessions",
};

export interface Config {
  /** The codex executable: a path, or a name on the PATH. */
  readonly binary: string;
  /** More arguments for `codex exec`, before the prompt. */
  readonly extraArgs: readonly string[];
  /** The models offered to the host. */
  readonly supportedModels: readonly string[];
  /** The model and effort to request from codex, by the host's model name. */
  readonly modelArgs: Readonly<Record<string, ModelChoice>>;
  /** How codex runs. `auto`: on app-server, or with exec if app-server is not available. */
  readonly transport: "auto" | "app-server" | "exec";
  /** How long an idle app-server is kept, in milliseconds; 0 ends it after each turn. */
  readonly keepAliveMs: number;
  /** How many idle app-servers are kept. */
  readonly maxKept: number;
  /** What the model's commands may do, unless `extraArgs` say otherwise. */
  readonly sandbox: SandboxMode;
  /** A turn's time limit. Undefined: the default of a turn, an hour. */
  readonly timeoutMs: number | undefined;
  /** How long a turn on an app-server may be silent. Undefined: the default of a turn, ten minutes. */
  readonly stallMs: number | undefined;
  /** How codex gets the host's tools: for one run only, or from its own config, where every agent's codex sees them. */
  readonly mcpRegistration: "run" | "global";
  /** How models in code mode call the host's tools: directly, or from inside their scripts. */
  readonly codeModeTools: "direct" | "nested";
  /** Whether the plugin offers the host tools for this machine's codex sessions. */
  readonly sessionTools: boolean;
  /** Whether one of these tools resumes sessions, which runs a prompt with full access. */
  readonly sessionResume: boolean;
}

/** What a model name of the host means. */
export interface ModelChoice {
  /** Undefined: codex's own choice. */
  readonly model?: string | undefined;
  /** The reasoning effort. Undefined: codex's own choice. */
  readonly effort?: string | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly path: string;
  readonly warnings: readonly string[];
}

/** An invalid config. The message names the file and the fault. */
class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "config_invalid";
}

/** The plugin's folder in a profile. */
export const pluginFolder = (profile: string): string => join(profile, "plugins", PLUGIN_NAME);

const configPath = (env: NodeJS.ProcessEnv): string =>
  join(pluginFolder(env.PLEXUM_PROFILE_ROOT || join(homedir(), ".plexum")), "config.json");

/**
 * Reads the config. A missing file counts as empty. An unknown key causes a warning.
 *
 * @throws ConfigError with the file, the key and what was expected.
 */
export async function loadConfig(env: NodeJS.ProcessEnv): Promise<LoadedConfig> {
  const path = configPath(env);
  const content = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw new ConfigError(`${path} can't be read (${error.message}): make it readable for this user, or remove it.`, {
      cause: error,
    });
  });
  const { config, warnings } = readConfig(content, path);
  return { ...(await withUsableTransport(config, path, warnings)), path };
}

/**
 * Looks for arguments of `codex exec` that have no equivalent on app-server. If there are any, `auto` means `exec`, with a warning.
 *
 * @throws ConfigError if the file requires app-server anyway.
 */
async function withUsableTransport(
  config: Config,
  path: string,
  warnings: readonly string[],
): Promise<Omit<LoadedConfig, "path">> {
  // Loaded only when needed, since the host is waiting for the handshake.
  if (config.extraArgs.length === 0 || config.transport === "exec") return { config, warnings };
  const { untranslatableArgument } = await import("@plexum/codex-app-server");
  const argument = untranslatableArgument(config.extraArgs);
  if (argument === undefined) return { config, warnings };
  if (config.transport === "app-server") {
    throw new ConfigError(
      `${path}: "extra_args" has ${argument}, which codex app-server does not support: remove it, or set "transport" to "auto" or "exec".`,
    );
  }
  const warning = `${path}: turns run with codex exec, which has no text deltas, because codex app-server does not support ${argument} in "extra_args"`;
  return { config: { ...config, transport: "exec" }, warnings: [...warnings, warning] };
}

/** The defaults. */
export const defaultConfig = (): Config => readConfig("{}", "").config;

function readConfig(content: string, path: string): Omit<LoadedConfig, "path"> {
  const value = parseJson(content, path);
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [key] = parsed.error.issues[0]?.path ?? [];
    throw new ConfigError(
      key === undefined
        ? `${path} must contain a JSON object, such as {"binary": "codex"}.`
        : `${path}: "${String(key)}" must be ${EXPECTED[String(key)]}.`,
    );
  }
  const { data } = parsed;
  // Check the text itself: the schema drops `__proto__`.
  const unknown = Object.keys(value as object).filter((key) => !Object.hasOwn(EXPECTED, key));
  return {
    config: {
      binary: data.binary ?? "codex",
      extraArgs: data.extra_args ?? [],
      supportedModels: data.supported_models ?? ["codex"],
      modelArgs: modelChoices(data.model_args ?? {}),
      transport: data.transport ?? "auto",
      keepAliveMs: data.keep_alive_ms ?? 300_000,
      maxKept: data.max_kept ?? 8,
      sandbox: data.sandbox ?? "danger-full-access",
      timeoutMs: data.timeout_ms,
      stallMs: data.stall_ms,
      mcpRegistration: data.mcp_registration ?? "run",
      codeModeTools: data.code_mode_tools ?? "direct",
      sessionTools: data.session_tools ?? true,
      sessionResume: data.session_resume ?? false,
    },
    warnings: unknown.map(
      (key) => `${path}: unknown key "${key}" has no effect; the known keys are ${Object.keys(EXPECTED).join(", ")}`,
    ),
  };
}

const modelChoices = (args: Record<string, string | ModelChoice>): Record<string, ModelChoice> =>
  Object.fromEntries(
    Object.entries(args).map(([name, choice]) => [name, typeof choice === "string" ? { model: choice } : choice]),
  );

function parseJson(content: string, path: string): unknown {
  try {
    // Some editors add a byte order mark.
    return JSON.parse(content.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new ConfigError(
      `${path} is not JSON (${(cause as Error).message}): correct it, or remove it and install again to create a new one.`,
      { cause },
    );
  }
}
