import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { dependencyClosure } from "./installed-packages.ts";
import { type LocalRegistry, startRegistry } from "./local-registry.ts";
import { run } from "./run.ts";
import { seedRegistry } from "./seed-registry.ts";
import { publicPackages, repository } from "./workspace-packages.ts";

/** What the release workflow runs, in this order, each with `pnpm exec`. */
export const PACK = ["changeset", "pack", "--out-dir"] as const;
export const PUBLISH = ["changeset", "publish", "--no-git-tag", "--from-pack-dir"] as const;

/**
 * Starts a registry and publishes all public packages to it, as the release workflow does. Their dependencies are
 * in it too, and `@types/node`, which TypeScript users install beside them.
 *
 * One difference: the workflow requests provenance, which needs the identity that GitHub gives a job.
 *
 * @param folder An existing, empty folder outside the repository.
 */
export async function publishAll(folder: string): Promise<LocalRegistry> {
  await using stack = new AsyncDisposableStack();
  const registryFolder = join(folder, "registry");
  await mkdir(registryFolder);
  const registry = stack.use(await startRegistry(registryFolder));
  await seedRegistry(registry, await thirdParties());
  const packed = join(folder, "packed");
  const options = { cwd: repository, env: registry.env };
  await run("pnpm", ["exec", ...PACK, packed], options);
  await run("pnpm", ["exec", ...PUBLISH, packed], options);
  stack.move();
  return registry;
}

async function thirdParties() {
  const packages = await publicPackages();
  const own = new Set(packages.map(({ name }) => name));
  const closures = await Promise.all([
    dependencyClosure(repository, ["@types/node"]),
    ...packages.map(({ folder, manifest }) =>
      dependencyClosure(
        folder,
        Object.keys(manifest.dependencies ?? {}).filter((name) => !own.has(name)),
      ),
    ),
  ]);
  return [...new Map(closures.flat().map((installed) => [installed.folder, installed])).values()];
}
