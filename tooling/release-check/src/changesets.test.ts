import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Manifest, publicPackages, repository } from "./workspace-packages.ts";

const packages = await publicPackages();
const names = packages.map(({ name }) => name);

test("a change of a library in a bundle is a change of the bundle", () => {
  const changed = changedPackages();
  for (const { name, manifest } of packages) {
    const carried = bundledIn(manifest).filter((library) => changed.has(library));
    if (carried.length > 0)
      expect([...changed], `${name} carries ${carried.join(", ")}: name it in a changeset too`).toContain(name);
  }
});

test("changesets name only published packages", () => {
  for (const name of changedPackages()) expect(names).toContain(name);
});

test("the plugin's bundle is known to carry its libraries", () => {
  const plugin = packages.find(({ name }) => name === "plexum-openai-provider");
  expect(bundledIn(plugin?.manifest as Manifest)).toContain("@plexum/jsonl");
});

/** Returns the public packages that a package is built from: its devDependencies, and their dependencies. */
function bundledIn(manifest: Manifest): string[] {
  const found = new Set<string>();
  const visit = (dependencies: object = {}) => {
    for (const name of Object.keys(dependencies)) {
      if (!names.includes(name) || found.has(name)) continue;
      found.add(name);
      visit(packages.find((candidate) => candidate.name === name)?.manifest.dependencies);
    }
  };
  visit(manifest.devDependencies as object | undefined);
  return [...found];
}

function changedPackages(): Set<string> {
  const files = globSync(".changeset/*.md", { cwd: repository }).filter((file) => !file.endsWith("README.md"));
  const heads = files.map((file) => /^---\n(.*?)^---$/ms.exec(readFileSync(join(repository, file), "utf8"))?.[1] ?? "");
  return new Set(
    heads.flatMap((head) => Array.from(head.matchAll(/^["']?([^"':]+)["']?:/gm), ([, name = ""]) => name)),
  );
}
