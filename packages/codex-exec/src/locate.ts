import { constants } from "node:fs";
import { access, readFile, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, delimiter, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { CodexExecError } from "./errors.ts";

/** How to start the codex that was found. */
export interface CodexBinary {
  /** The file a person would name: what was configured, or what was found on the PATH. */
  readonly path: string;
  readonly command: string;
  /** Arguments that come before codex's own. */
  readonly prefix: readonly string[];
  /** A folder with the tools that codex brings along (ripgrep), for the front of its PATH. */
  readonly toolsPath?: string;
}

/**
 * Finds codex: a path as it stands (`~/` is the home folder), a bare name on the PATH of `env`.
 *
 * What npm puts on the PATH is a Node script that starts the native program. It is stepped over where possible: the
 * script costs a Node start for each turn, needs a `node` on the PATH, and when killed leaves the native program running.
 *
 * @throws CodexExecError `binary_not_found` or `binary_not_executable`.
 */
export async function locateCodex(binary: string, env: NodeJS.ProcessEnv): Promise<CodexBinary> {
  const path = hasFolder(binary) ? fromHome(binary) : await onPath(binary, env);
  await assertRunnable(path);
  return (await behindNpmShim(path)) ?? { path, command: path, prefix: [] };
}

const hasFolder = (binary: string) => binary.includes("/") || binary.includes(sep);

const fromHome = (binary: string) => (binary.startsWith("~/") ? join(homedir(), binary.slice(2)) : resolve(binary));

async function onPath(name: string, env: NodeJS.ProcessEnv): Promise<string> {
  const folders = (env.PATH ?? env.Path ?? "").split(delimiter).filter(isAbsolute);
  let unusable: string | undefined;
  for (const folder of folders) {
    for (const candidate of withExtensions(join(folder, name), env)) {
      const problem = await whyNotRunnable(candidate);
      if (problem === undefined) return candidate;
      if (problem === "not executable") unusable ??= candidate;
    }
  }
  if (unusable !== undefined) return unusable;
  throw new CodexExecError(
    "binary_not_found",
    `"${name}" is not in any folder of the PATH (${folders.length} searched): install codex with "npm install -g @openai/codex", or give the absolute path of its executable.`,
  );
}

function withExtensions(path: string, env: NodeJS.ProcessEnv): string[] {
  if (process.platform !== "win32") return [path];
  return (env.PATHEXT ?? ".EXE;.CMD").split(";").map((extension) => path + extension.toLowerCase());
}

async function assertRunnable(path: string): Promise<void> {
  const problem = await whyNotRunnable(path);
  if (problem === undefined) return;
  if (problem === "missing") {
    throw new CodexExecError(
      "binary_not_found",
      `There is no file ${path}: correct the path of the codex executable, or install codex with "npm install -g @openai/codex".`,
    );
  }
  throw new CodexExecError(
    "binary_not_executable",
    problem === "folder"
      ? `${path} is a folder: give the path of the codex executable inside it.`
      : `${path} may not be executed by this user: make it executable with "chmod +x", or give the path of another codex.`,
  );
}

/** Out of reach is what stands in a folder that this user may not look into: there it is not known to be. */
type Problem = "missing" | "out of reach" | "folder" | "not executable";

async function whyNotRunnable(path: string): Promise<Problem | undefined> {
  try {
    if (!(await stat(path)).isFile()) return "folder";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "out of reach" : "missing";
  }
  return access(path, constants.X_OK).then(
    () => undefined,
    () => "not executable" as const,
  );
}

/** The native program behind npm's shim, or the shim run by this Node; undefined if `path` is no shim. */
async function behindNpmShim(path: string): Promise<CodexBinary | undefined> {
  const script = await shimScript(path);
  if (script === undefined) return undefined;
  const native = await nativeProgram(script);
  return native === undefined ? { path, command: process.execPath, prefix: [script] } : { path, prefix: [], ...native };
}

async function shimScript(path: string): Promise<string | undefined> {
  const file = await realpath(path);
  const script = basename(file) === "codex.js" ? file : await scriptNamedIn(file);
  if (script === undefined) return undefined;
  const manifest = await readFile(join(dirname(script), "..", "package.json"), "utf8").catch(() => "");
  return /"name":\s*"@openai\/codex"/.test(manifest) ? realpath(script) : undefined;
}

/** Larger than any launcher, far smaller than the native program. */
const MAX_LAUNCHER_BYTES = 64 * 1024;

/** What a small launcher starts, be it `.cmd` or shell: npm writes them on Windows, pnpm everywhere. */
async function scriptNamedIn(launcher: string): Promise<string | undefined> {
  if ((await stat(launcher)).size > MAX_LAUNCHER_BYTES) return undefined;
  const named = /["'=]([^"'=\r\n]*[\\/]bin[\\/]codex\.js)\b/.exec(
    await readFile(launcher, "utf8").catch(() => ""),
  )?.[1];
  if (named === undefined) return undefined;
  // Relative to the launcher's own folder, which cmd calls %~dp0 or %dp0% and npm's and pnpm's shell $basedir.
  const path = named.replace(/^(%~?dp0%?|\$basedir\w*)?[\\/]*(?=\.\.|node_modules)/, "").replaceAll("\\", "/");
  return resolve(dirname(launcher), path);
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
