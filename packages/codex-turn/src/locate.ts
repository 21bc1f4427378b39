import { dirname, join } from "node:path";
import { CliTurnError, locateExecutable, type Program, scriptBehindLauncher, whyNotRunnable } from "@plexum/cli-turn";
import { CodexTurnError } from "./errors.ts";

const INSTALL = 'install codex with "npm install -g @openai/codex"';

/**
 * Finds codex. Uses a path unchanged, except for a leading `~/`, and looks up a bare name on the PATH of `env`.
 *
 * npm puts a Node script on the PATH that starts the native program. The result bypasses the script if possible: the script
 * starts an extra Node for each turn, needs a `node` on the PATH, and leaves the native program running when it is killed.
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

/** Rethrows a CliTurnError as a CodexTurnError with the same code and message. */
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

/** Finds the native program in the layout of `@openai/codex`, which has a package for each platform (seen in 0.135.0 and 0.169.0). */
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
