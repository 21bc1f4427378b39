import { dirname, join } from "node:path";
import { CliTurnError, locateExecutable, type Program, scriptBehindLauncher, whyNotRunnable } from "@plexum/cli-turn";
import { CodexTurnError } from "./errors.ts";

const INSTALL = 'install codex with "npm install -g @openai/codex"';

/**
 * Finds codex: a path as it stands (`~/` is the home folder), a bare name on the PATH of `env`.
 *
 * What npm puts on the PATH is a Node script that starts the native program. It is stepped over where possible: the
 * script costs a Node start for each turn, needs a `node` on the PATH, and when killed leaves the native program running.
 *
 * @throws CodexTurnError `binary_not_found` or `binary_not_executable`.
 */
export async function locateCodex(binary: string, env: NodeJS.ProcessEnv): Promise<Program> {
  const path = await asCodexError(locateExecutable(binary, env, INSTALL));
  const script = await scriptBehindLauncher(path, { packageName: "@openai/codex", script: "codex.js" });
  if (script === undefined) return { path, command: path, prefix: [] };
  const native = await nativeProgram(script);
  return native === undefined ? { path, command: process.execPath, prefix: [script] } : { path, prefix: [], ...native };
}

/** Rethrows a CliTurnError as a CodexTurnError of the same code and message. */
export async function asCodexError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!CliTurnError.isInstance(error)) throw error;
    throw new CodexTurnError(error.code, error.message, { cause: error.cause });
  }
}

const TARGETS: Record<string, string> = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
  "win32-x64": "x86_64-pc-windows-msvc",
  "win32-arm64": "aarch64-pc-windows-msvc",
};

/** The layout of `@openai/codex` (seen in 0.135.0 and 0.169.0): the program stands in a package of its own for each platform. */
async function nativeProgram(script: string): Promise<{ command: string; toolsPath?: string } | undefined> {
  const platform = `${process.platform}-${process.arch}`;
  const target = TARGETS[platform];
  if (target === undefined) return undefined;
  const packageFolder = dirname(dirname(script));
  const vendors = [
    join(packageFolder, "..", `codex-${platform}`, "vendor", target),
    join(packageFolder, "node_modules", "@openai", `codex-${platform}`, "vendor", target),
    join(packageFolder, "vendor", target),
  ];
  const name = process.platform === "win32" ? "codex.exe" : "codex";
  for (const vendor of vendors) {
    const command = join(vendor, "bin", name);
    if ((await whyNotRunnable(command)) !== undefined) continue;
    const toolsPath = join(vendor, "codex-path");
    const hasTools = (await whyNotRunnable(toolsPath)) === "folder";
    return { command, ...(hasTools ? { toolsPath } : {}) };
  }
  return undefined;
}
