import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Block } from "./block.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const { scripts, packageManager } = JSON.parse(read("package.json")) as {
  scripts: Record<string, string>;
  packageManager: string;
};

/**
 * Checks commands about this repository, which can't run inside its own tests: the scripts, files, packages, tests and
 * the version of pnpm that they name must exist.
 */
export function namesWhatIsThere({ commands }: Pick<Block, "commands">): void {
  for (const command of commands) {
    const fault = faultOf(command);
    if (fault !== undefined) throw new Error(`${command}\n${fault}`);
  }
}

function faultOf(command: string): string | undefined {
  const version = /\bnpm exec (?:--yes )?(pnpm@\S+) --/.exec(command)?.[1];
  if (version !== undefined && version !== packageManager) return `the repository's pnpm is ${packageManager}`;
  const words = command.replace(/^alias pnpm='(.*)'$/, "$1").replace(/^npm exec (?:--yes )?pnpm@\S+ --/, "pnpm");
  const [tool, verb = "", ...args] = split(words);
  if (tool === "pnpm" && (verb === "" || verb === "install")) return undefined;
  if (tool === "npm" && (verb === "start" || verb === "test")) return missingScript(verb);
  if ((tool === "npm" || tool === "pnpm") && verb === "run") return missingScript(args[0]);
  if (tool !== "pnpm" || verb !== "exec")
    return "there is no check for such a command: run it in a test, or say why not";
  const [program, ...rest] = args;
  if (program === "vitest" && rest[0] === "run") return faultOfTests(rest.slice(1));
  if (program === "turbo" && rest[0] === "run") return faultOfBuild(rest.slice(2));
  if (program === "node") return rest[0] === "--version" ? undefined : missingFile(rest[0]);
  return `there is no check for ${program}`;
}

/** Splits a command into words; a quoted text is one word. */
const split = (command: string) => Array.from(command.matchAll(/"([^"]*)"|\S+/g), ([word, quoted]) => quoted ?? word);

const missingScript = (name = "") => (name in scripts ? undefined : `package.json has no script ${name}`);

const missingFile = (path = "") =>
  path !== "" && existsSync(join(ROOT, path)) ? undefined : `there is no file ${path}`;

function faultOfTests(args: readonly string[]): string | undefined {
  const name = args.includes("-t") ? args[args.indexOf("-t") + 1] : undefined;
  const paths = args.filter((arg) => arg !== "-t" && arg !== name);
  const missing = paths.map(missingFile).find((fault) => fault !== undefined);
  if (missing !== undefined || name === undefined) return missing;
  const files = paths.flatMap((path) =>
    statSync(join(ROOT, path)).isFile() ? [path] : globSync(`${path}/**/*.test.ts`, { cwd: ROOT }),
  );
  return files.some((file) => read(file).includes(`"${name}`)) ? undefined : `no test is named ${name}`;
}

function faultOfBuild(args: readonly string[]): string | undefined {
  const packages = globSync("{packages,apps}/*/package.json", { cwd: ROOT }).map((path) => JSON.parse(read(path)).name);
  return args
    .filter((arg) => !packages.includes(arg.replace("--filter=", "")))
    .map((arg) => `no package matches ${arg}`)[0];
}
