import { constants } from "node:fs";
import { access, readFile, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, delimiter, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { CliTurnError } from "./errors.ts";

/** How to start a program. */
export interface Program {
  /** The program's file as shown to users: the configured path, or the file found on the PATH. */
  readonly path: string;
  readonly command: string;
  /** Arguments that precede the program's own, such as a script for Node. */
  readonly prefix: readonly string[];
  /** A folder with tools that come with the program, to be put first on its PATH. */
  readonly toolsPath?: string;
}

/**
 * Finds an executable. Uses a path unchanged, except for a leading `~/`, and looks up a bare name on the PATH of `env`.
 *
 * @param install How to install the program, for the error message: `install x with "npm install -g x"`.
 * @throws CliTurnError `binary_not_found` or `binary_not_executable`.
 */
export async function locateExecutable(binary: string, env: NodeJS.ProcessEnv, install: string): Promise<string> {
  const path = hasFolder(binary) ? fromHome(binary) : await onPath(binary, env, install);
  await assertRunnable(path, install);
  return path;
}

const hasFolder = (binary: string) => binary.includes("/") || binary.includes(sep);

const fromHome = (binary: string) => (binary.startsWith("~/") ? join(homedir(), binary.slice(2)) : resolve(binary));

async function onPath(name: string, env: NodeJS.ProcessEnv, install: string): Promise<string> {
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
  throw new CliTurnError(
    "binary_not_found",
    `"${name}" is not in any folder of the PATH (${folders.length} searched): ${install}, or give the absolute path of its executable.`,
  );
}

function withExtensions(path: string, env: NodeJS.ProcessEnv): string[] {
  if (process.platform !== "win32") return [path];
  return (env.PATHEXT ?? ".EXE;.CMD").split(";").map((extension) => path + extension.toLowerCase());
}

async function assertRunnable(path: string, install: string): Promise<void> {
  const problem = await whyNotRunnable(path);
  if (problem === undefined) return;
  if (problem === "missing") {
    throw new CliTurnError(
      "binary_not_found",
      `There is no file ${path}: correct the path of the executable, or ${install}.`,
    );
  }
  throw new CliTurnError(
    "binary_not_executable",
    problem === "folder"
      ? `${path} is a folder: give the path of the executable inside it.`
      : `This user may not execute ${path}: make it executable with "chmod +x", or give the path of another executable.`,
  );
}

/**
 * "out of reach" means a file in a folder that this user may not search: it may or may not exist.
 *
 * @inline
 */
type Problem = "missing" | "out of reach" | "folder" | "not executable";

/** Returns why this user can't run a file; undefined if it can be run. */
export async function whyNotRunnable(path: string): Promise<Problem | undefined> {
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

export interface NpmLauncher {
  /** The package that contains the script, such as `@openai/codex`. */
  readonly packageName: string;
  /** The script's file name in the package's `bin` folder, such as `codex.js`. */
  readonly script: string;
}

/**
 * Finds the Node script behind a launcher that npm or pnpm put on the PATH: a link, a shell script or a `.cmd` file. Returns
 * undefined if `path` is something else. The script can be run with this process's Node and needs no `node` on the PATH.
 */
export async function scriptBehindLauncher(path: string, launcher: NpmLauncher): Promise<string | undefined> {
  const file = await realpath(path);
  const script = basename(file) === launcher.script ? file : await scriptNamedIn(file, launcher.script);
  if (script === undefined) return undefined;
  const manifest = await readFile(join(dirname(script), "..", "package.json"), "utf8").catch(() => "");
  const name = /"name":\s*"([^"]*)"/.exec(manifest)?.[1];
  return name === launcher.packageName ? realpath(script) : undefined;
}

/** Larger than any launcher, and far smaller than a native program. */
const MAX_LAUNCHER_BYTES = 64 * 1024;

/** Finds the script that a launcher file starts. npm writes `.cmd` and shell launchers on Windows, pnpm on every platform. */
async function scriptNamedIn(launcher: string, script: string): Promise<string | undefined> {
  if ((await stat(launcher)).size > MAX_LAUNCHER_BYTES) return undefined;
  const text = await readFile(launcher, "utf8").catch(() => "");
  const named = [...text.matchAll(/["'=]([^"'=\r\n]*[\\/]bin[\\/][^"'=\r\n\\/]+)/g)]
    .map((match) => match[1] as string)
    .map((path) => path.replace(/\s.*$/, ""))
    .find((path) => path.endsWith(script) && /[\\/]$/.test(path.slice(0, -script.length)));
  if (named === undefined) return undefined;
  // The path is relative to the launcher's folder: %~dp0 or %dp0% in a .cmd file, $basedir in a shell script.
  const path = named.replace(/^(%~?dp0%?|\$basedir\w*)?[\\/]*(?=\.\.|node_modules)/, "").replaceAll("\\", "/");
  return resolve(dirname(launcher), path);
}
