import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dependencyClosure } from "./installed-packages.ts";
import { packWorkspacePackage } from "./packed-package.ts";
import { readTarball } from "./tarball.ts";
import { publicPackages, repository } from "./workspace-packages.ts";

/** Licenses that allow everyone to use and redistribute what is published here, with their notices. */
const ALLOWED = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT"];

const packages = await publicPackages();

test.each(packages)(
  "every package that an installation of $name includes has a license that allows it",
  async ({ folder, manifest }) => {
    const closure = await dependencyClosure(folder, Object.keys(manifest.dependencies ?? {}));
    const others = closure.filter((one) => !ALLOWED.includes(String(one.manifest.license)));
    expect(others.map((one) => `${one.manifest.name}: ${one.manifest.license}`)).toEqual([]);
  },
);

test("the plugin carries the licenses of what is bundled in it", async () => {
  const plugin = packages.find(({ name }) => name === "plexum-openai-provider");
  const files = await readTarball(await packWorkspacePackage(plugin?.folder ?? ""));
  const text = files.get("dist/THIRD-PARTY-LICENSES.txt")?.toString("utf8") ?? "";
  const heads = Array.from(text.matchAll(/^(@?[\w./-]+) (\d+\.\d+\.\d+\S*) \(([^)]+)\)\n\n(.+)$/gm));
  expect(heads.map(([, name]) => name)).toEqual(
    expect.arrayContaining(["@humanwhocodes/momoa", "@modelcontextprotocol/sdk", "zod"]),
  );
  expect(heads.filter(([, , , license = ""]) => !ALLOWED.includes(license)).map(([head]) => head)).toEqual([]);
  const installed = await Promise.all(heads.map(([, name = ""]) => isKnown(name)));
  expect(installed).not.toContain(false);
});

/** Returns whether the lock file has a hash for a package. */
async function isKnown(name: string): Promise<boolean> {
  const lock = await readFile(join(repository, "pnpm-lock.yaml"), "utf8");
  return new RegExp(`^ {2}'?${name}@[^:]+:\\n {4}resolution: \\{integrity: sha512-`, "m").test(lock);
}
