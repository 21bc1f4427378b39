import { existsSync, globSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Creates a folder in which a program finds only these packages, like the folder of a user who installed them.
 *
 * The packages are the workspace's. With `PLEXUM_INSTALLED=<folder>` they are those in that folder's `node_modules`, and the
 * program folder is created inside it: so the READMEs can be run against published packages.
 */
export async function programFolder(packages: readonly string[]): Promise<AsyncDisposable & { path: string }> {
  const installed = process.env.PLEXUM_INSTALLED;
  const path = await realpath(await mkdtemp(join(installed ?? tmpdir(), "readme-")));
  await writeFile(join(path, "package.json"), JSON.stringify({ private: true, type: "module" }));
  for (const name of packages) {
    if (installed === undefined) await link(name, join(path, "node_modules", name));
    else if (!existsSync(join(installed, "node_modules", name)))
      throw new Error(`PLEXUM_INSTALLED: ${name} is not installed in ${installed}`);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

async function link(name: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await symlink(workspacePackage(name), path, "junction");
}

function workspacePackage(name: string): string {
  const manifests = globSync("{packages,apps,tooling}/*/package.json", { cwd: ROOT }).map((path) => join(ROOT, path));
  const found = manifests.find((path) => JSON.parse(readFileSync(path, "utf8")).name === name);
  if (found === undefined) throw new Error(`a README installs ${name}, which is not a package of this repository`);
  return dirname(found);
}
