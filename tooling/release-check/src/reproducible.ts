import { createHash } from "node:crypto";
import { cp, symlink } from "node:fs/promises";
import { join } from "node:path";
import { packWorkspacePackage } from "./packed-package.ts";
import { run } from "./run.ts";
import { repository, type WorkspacePackage } from "./workspace-packages.ts";

/**
 * Builds packages in a copy of the repository, and packs them. The copy has no `node_modules` of its own, so the bundler finds the
 * dependencies in another place, which changes the order of its output. So compare two copies.
 *
 * @param folder The folder for the copy. It must be empty.
 * @returns The SHA-512 of each tarball.
 */
export async function builtHashes(packages: readonly WorkspacePackage[], folder: string): Promise<string[]> {
  const isSource = (path: string) => !/(\/dist|\/\.turbo)$/.test(path);
  const copied = ["apps", "packages", "tooling", "package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"];
  for (const name of [...copied, "LICENSE", "tsconfig.base.json", "tsup.base.ts"])
    await cp(join(repository, name), join(folder, name), { recursive: true, verbatimSymlinks: true, filter: isSource });
  await symlink(join(repository, "node_modules"), join(folder, "node_modules"), "junction");
  const hashes: string[] = [];
  for (const { path } of packages) {
    const copy = join(folder, path);
    await run("pnpm", ["exec", "tsup", "--silent"], { cwd: copy, env: process.env, timeoutMs: 300_000 });
    hashes.push(await tarballHash(copy));
  }
  return hashes;
}

async function tarballHash(folder: string): Promise<string> {
  return createHash("sha512")
    .update(await packWorkspacePackage(folder))
    .digest("base64");
}
