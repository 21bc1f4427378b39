import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { run } from "./run.ts";
import type { Manifest } from "./workspace-packages.ts";

/** The Node that runs the installed packages; see scripts/test.ts. */
export const consumerNode = process.env.PLEXUM_TEST_NODE ?? process.execPath;

export type Installer = "npm" | "pnpm";

/** The folder of a user who installs packages from a registry. */
export class Consumer {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;

  private constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.env = env;
  }

  /** @param env Selects the registry, home and caches: see `LocalRegistry.env`. */
  static async install(folder: string, env: NodeJS.ProcessEnv, installer: Installer, names: readonly string[]) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const consumer = new Consumer(folder, env);
    if (installer === "npm") await consumer.run("npm", "install", "--no-audit", "--no-fund", ...names);
    else await consumer.run("pnpm", "add", ...STRICTLY, ...names);
    return consumer;
  }

  run(command: string, ...args: string[]): Promise<string> {
    return run(command, args, { cwd: this.folder, env: this.env });
  }

  async manifest(name: string): Promise<Manifest> {
    return JSON.parse(await readFile(join(this.folder, "node_modules", name, "package.json"), "utf8"));
  }

  /** Returns TypeScript's errors for a file of this folder, including those in the declarations of dependencies. */
  async typeErrors(file: string, moduleResolution: "node16" | "bundler"): Promise<string> {
    const config = {
      compilerOptions: {
        module: moduleResolution === "node16" ? "node16" : "esnext",
        moduleResolution,
        target: "es2023",
        lib: ["es2024", "esnext.disposable"],
        types: ["node"],
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
      },
      files: [file],
    };
    const project = `tsconfig.${moduleResolution}.json`;
    await writeFile(join(this.folder, project), JSON.stringify(config));
    const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
    return this.run(process.execPath, tsc, "--project", project).catch((error: Error) => error.message);
  }
}

/**
 * No package finds what it does not declare, as it otherwise would in pnpm's own hidden node_modules. And versions may
 * be younger than a day, as these are.
 */
const STRICTLY = ["--config.hoist=false", "--config.minimum-release-age=0"];

/** Returns the entries of a package that can be imported: `@plexum/mcp-bridge`, `@plexum/mcp-bridge/relay`. */
export function entriesOf({ name, exports = {} }: Manifest): string[] {
  return Object.keys(exports)
    .filter((key) => key !== "./package.json")
    .map((key) => name + key.slice(1));
}

/** Returns a TypeScript program that imports each entry. */
export function importingProgram(entries: readonly string[]): string {
  const names = entries.map((_, index) => `entry${index}`);
  const imports = entries.map((entry, index) => `import * as ${names[index]} from ${JSON.stringify(entry)};\n`);
  return `${imports.join("")}\nconsole.log(${names.join(", ")});\n`;
}

/** Returns the names that each entry exports, as a program in the folder sees them. */
export async function exportsSeen(
  node: string,
  folder: string,
  env: NodeJS.ProcessEnv,
  entries: readonly string[],
): Promise<Record<string, string[]>> {
  // The arguments are for an entry that is a program (`cli-turn/watchdog`) and expects one after its own name.
  const program = `
    const seen = {};
    for (const entry of ${JSON.stringify(entries)}) seen[entry] = Object.keys(await import(entry)).sort();
    console.log(JSON.stringify(seen));`;
  const args = ["--input-type=module", "--eval", program, "program", "no-such-marker"];
  return JSON.parse(await run(node, args, { cwd: folder, env }));
}
