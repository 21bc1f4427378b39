import { existsSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Manifest } from "./workspace-packages.ts";

export interface InstalledPackage {
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * Returns everything that an installation of a package includes, as installed in the workspace: its dependencies, their
 * dependencies, and so on, each version once.
 *
 * @param folder The package's folder.
 * @param names The dependencies to start with.
 */
export async function dependencyClosure(folder: string, names: readonly string[]): Promise<InstalledPackage[]> {
  const found = new Map<string, InstalledPackage>();
  const visit = async (from: string, name: string, optional: boolean): Promise<void> => {
    const link = installedFolder(from, name);
    if (link === undefined) {
      if (optional) return;
      throw new Error(`${name} is not installed for ${from}: run pnpm install`);
    }
    const at = await realpath(link);
    if (found.has(at)) return;
    const manifest: Manifest = JSON.parse(await readFile(join(at, "package.json"), "utf8"));
    found.set(at, { folder: at, manifest });
    for (const dependency of Object.keys(manifest.dependencies ?? {})) await visit(at, dependency, false);
    const mayLack = { ...manifest.optionalDependencies, ...manifest.peerDependencies };
    for (const dependency of Object.keys(mayLack)) await visit(at, dependency, true);
  };
  for (const name of names) await visit(folder, name, false);
  return [...found.values()];
}

/** Returns where Node would find a package: in node_modules of the folder or of a parent folder. */
function installedFolder(from: string, name: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const candidate = join(at, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
    if (dirname(at) === at) return undefined;
  }
}
