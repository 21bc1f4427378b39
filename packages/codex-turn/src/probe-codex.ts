import { stat } from "node:fs/promises";
import type { Program } from "@plexum/cli-turn";
import { type AskOptions, askCodex } from "./ask-codex.ts";
import { CodexTurnError } from "./errors.ts";
import { locateCodex } from "./locate.ts";

/** The oldest codex whose output and session files this package was tested with. */
export const OLDEST_SUPPORTED_VERSION = "0.135.0";

/** The newest codex that this package was tested with. A newer one may work as well. */
export const NEWEST_TESTED_VERSION = "0.171.0";

export interface ProbeOptions {
  /** The codex executable: a path, or a name on the PATH. @default "codex" */
  readonly binary?: string;
  /** The environment that codex runs in. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** How long codex may take to answer, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Whether codex has a login: `signed_in` with a stored login or with `CODEX_API_KEY`, `signed_out`, or `unknown` if codex did
 * not answer, for example because it can't read its config.
 */
export type LoginState = "signed_in" | "signed_out" | "unknown";

export interface CodexProbe {
  /** The executable that was found. */
  readonly path: string;
  /** How codex is started: the program, and the arguments that precede codex's own. Bypasses npm's launcher. */
  readonly command: readonly [program: string, ...args: string[]];
  /** For example `0.169.0`. */
  readonly version: string;
  /** False if the version is older than `OLDEST_SUPPORTED_VERSION`. */
  readonly isSupported: boolean;
  /** True if the version is newer than `NEWEST_TESTED_VERSION`. */
  readonly isNewerThanTested: boolean;
  /** A custom model provider may need no login, so `signed_out` is not necessarily a failure. */
  readonly login: LoginState;
  /** The output of `codex login status`. */
  readonly loginStatus: string;
  /** codex's message if it can't load its config, and so can't start a turn; otherwise undefined. */
  readonly configError: string | undefined;
}

/**
 * Finds codex, and checks its version and login.
 *
 * @throws CodexTurnError `binary_not_found`, `binary_not_executable`, or `spawn_failed` if it doesn't answer like codex; the
 * signal's reason.
 */
export async function probeCodex(options: ProbeOptions = {}): Promise<CodexProbe> {
  const { binary = "codex", env = process.env, timeoutMs = 10_000, signal } = options;
  const codex = await locateCodex(binary, env);
  const ask = { env, timeoutMs, signal };
  const asked = [askVersion(codex, ask), askLogin(codex, ask)] as const;
  // Let both end, with all their processes, before reporting the failure of one.
  await Promise.allSettled(asked);
  const [version, login] = await Promise.all(asked);
  return {
    path: codex.path,
    command: [codex.command, ...codex.prefix],
    version,
    isSupported: isSupported(version),
    isNewerThanTested: isNewerThanTested(version),
    ...login,
  };
}

/**
 * Returns the version of codex if it is supported.
 * @throws CodexTurnError `version_unsupported`, or `spawn_failed` if it doesn't answer like codex; the signal's reason.
 */
export async function assertSupported(codex: Program, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<string> {
  const version = await knownVersion(codex, { env, timeoutMs: 10_000, signal });
  if (isSupported(version)) return version;
  throw new CodexTurnError(
    "version_unsupported",
    `${codex.path} is codex ${version}, but the oldest supported version is ${OLDEST_SUPPORTED_VERSION}: update it with "npm install -g @openai/codex@latest".`,
  );
}

const versions = new Map<string, string>();

/** Returns the version of a codex. Asks each file only once until it changes. */
async function knownVersion(codex: Program, ask: AskOptions): Promise<string> {
  const file = codex.prefix[0] ?? codex.command;
  // Not the mtime: it is the same for every file that npm installs.
  const { ino, ctimeMs, size } = await stat(file);
  const key = [file, ino, ctimeMs, size].join("\0");
  const version = versions.get(key) ?? (await askVersion(codex, ask));
  versions.set(key, version);
  return version;
}

async function askVersion(codex: Program, ask: AskOptions): Promise<string> {
  const unanswered = (cause: Error) => {
    ask.signal?.throwIfAborted();
    throw new CodexTurnError(
      "spawn_failed",
      `${codex.path} did not report its version (${cause.message.trim()}): check that it is codex, built for this machine.`,
      { cause },
    );
  };
  const answer = await askCodex(codex, ["--version"], ask).catch(unanswered);
  // "codex-cli 0.169.0" (0.100.0 to 0.171.0). Other programs also answer with a version number.
  const version = /^codex\S* (\d+\.\d+\.\d+\S*)/m.exec(answer.stdout)?.[1];
  if (version !== undefined) return version;
  throw new CodexTurnError(
    "spawn_failed",
    `${codex.path} does not answer --version as codex does: give the path of the codex executable.`,
    {
      detail: answer.stdout.slice(0, 1000),
    },
  );
}

/** codex's messages for a missing login and for an invalid config (0.135.0 to 0.169.0). */
const SIGNED_OUT = /^Not logged in/m;
const CONFIG_ERROR = /^Error loading config.*/ms;

async function askLogin(codex: Program, ask: AskOptions) {
  const { exitCode, words } = await askCodex(codex, ["login", "status"], ask).then(
    ({ exitCode, stdout, stderr }) => ({
      exitCode,
      words: [stdout, stderr]
        .map((text) => text.trim())
        .filter(Boolean)
        .join("\n"),
    }),
    (error: Error) => {
      ask.signal?.throwIfAborted();
      return { exitCode: null, words: error.message };
    },
  );
  const configError = exitCode === 0 ? undefined : CONFIG_ERROR.exec(words)?.[0];
  return { login: loginOf(exitCode, words, ask.env), loginStatus: words, configError };
}

function loginOf(exitCode: number | null, words: string, env: NodeJS.ProcessEnv): LoginState {
  if (exitCode === 0) return "signed_in";
  if (!SIGNED_OUT.test(words)) return "unknown";
  // Turns use this key, but `codex login status` ignores it (0.135.0, 0.169.0).
  return env.CODEX_API_KEY?.trim() ? "signed_in" : "signed_out";
}

export function isSupported(version: string): boolean {
  return compareVersions(version, OLDEST_SUPPORTED_VERSION) >= 0;
}

export function isNewerThanTested(version: string): boolean {
  return compareVersions(version, NEWEST_TESTED_VERSION) > 0;
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(/[.-]/, 3).map(Number));
  for (const part of [0, 1, 2]) {
    const difference = (left?.[part] ?? 0) - (right?.[part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
