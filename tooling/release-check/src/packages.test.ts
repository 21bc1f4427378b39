import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";
import { promisify } from "node:util";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { beforeAll, describe, expect, test } from "vitest";
import { entriesOf } from "./consumer.ts";
import { packWorkspacePackage } from "./packed-package.ts";
import { readTarball } from "./tarball.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { type Manifest, publicPackages, repository } from "./workspace-packages.ts";

const REPOSITORY = "https://github.com/plexum/plexum-openai-provider";

/** Files that do something when they are loaded: programs, which are not imported for their exports. */
const SIDE_EFFECTS: Record<string, unknown> = {
  "@plexum/cli-turn": ["./src/watchdog.ts", "./dist/watchdog.js"],
};

const packages = await publicPackages();
const byName = (name: string) => packages.find((candidate) => candidate.name === name) as (typeof packages)[number];

test("the repository's package.json has the address of the repository", async () => {
  const root: Manifest = JSON.parse(await readFile(join(repository, "package.json"), "utf8"));
  expect(root).toMatchObject({
    private: true,
    homepage: `${REPOSITORY}#readme`,
    bugs: { url: `${REPOSITORY}/issues` },
    repository: { type: "git", url: `git+${REPOSITORY}.git` },
  });
});

describe.each(packages)("$name, packed", ({ name, folder, path }) => {
  let tarball: Buffer;
  let files: Map<string, Buffer>;
  let manifest: Manifest;
  const contents = (file: string) => files.get(file)?.toString("utf8") ?? "";

  beforeAll(async () => {
    tarball = await packWorkspacePackage(folder);
    files = await readTarball(tarball);
    manifest = JSON.parse(contents("package.json"));
  }, 60_000);

  test("its package.json has a description, its origin and the required Node", () => {
    expect(manifest).toMatchObject({
      type: "module",
      license: "MIT",
      engines: { node: ">=22.18" },
      homepage: `${REPOSITORY}/tree/main/${path}#readme`,
      bugs: { url: `${REPOSITORY}/issues` },
      repository: { type: "git", url: `git+${REPOSITORY}.git`, directory: path },
      publishConfig: { access: "public", provenance: true },
      exports: { "./package.json": "./package.json" },
      description: expect.stringMatching(/\w/),
      keywords: expect.arrayContaining([expect.any(String)]),
    });
    expect(manifest.sideEffects).toEqual(SIDE_EFFECTS[name] ?? false);
  });

  test("it has the README, the license and its exports, and no tests", async () => {
    expect(contents("LICENSE")).toBe(await readFile(join(repository, "LICENSE"), "utf8"));
    expect(contents("README.md")).toContain(`# ${name}\n`);
    const exported = Object.values(manifest.exports ?? {}).flatMap((target) =>
      typeof target === "string" ? [target] : Object.values(target as Record<string, string>),
    );
    for (const file of [...exported, ...Object.values(manifest.bin ?? {})])
      expect([...files.keys()]).toContain(file.replace(/^\.\//, ""));
    expect([...files.keys()].filter((file) => /\.test\.|(^|\/)(test|testing|node_modules)\//.test(file))).toEqual([]);
  });

  test("its changelog has its version", async () => {
    expect(await readFile(join(folder, "CHANGELOG.md"), "utf8")).toContain(`\n## ${manifest.version}\n`);
  });

  test("each program has a source map, whose sources are in the package", () => {
    const programs = [...files.keys()].filter((file) => /^dist\/.*\.js$/.test(file));
    expect(programs).not.toEqual([]);
    for (const program of programs) {
      expect(contents(program)).toMatch(new RegExp(`\\n//# sourceMappingURL=${posix.basename(program)}\\.map\\s*$`));
      const { sources, sourcesContent } = JSON.parse(contents(`${program}.map`));
      const missing = sources.filter((source: string | null, index: number) => {
        if (source === null) return false;
        return !sourcesContent?.[index] && !files.has(posix.join(posix.dirname(program), source));
      });
      expect(missing).toEqual([]);
    }
  });

  test("publint finds no problem", async () => {
    const data = Uint8Array.from(tarball).buffer;
    const { messages, pkg } = await publint({ pack: { tarball: data }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  test("it depends only on what its programs import", () => {
    const programs = [...files.keys()].filter((file) => /^dist\/.*\.(js|d\.ts)$/.test(file));
    const imported = programs.flatMap((program) => importsOf(contents(program)));
    const others = imported.filter((specifier) => !specifier.startsWith(".") && !isBuiltin(specifier));
    const found = new Set(others.map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0]));
    expect([...found].sort()).toEqual(Object.keys(manifest.dependencies ?? {}).sort());
    for (const key of ["peerDependencies", "optionalDependencies", "bundledDependencies"])
      expect(manifest).not.toHaveProperty(key);
  });
});

// A program is not imported. Each library is only ESM: results for CommonJS and Node 10 are ignored.
const libraries = packages.filter(({ manifest }) => entriesOf(manifest).length > 0);
test.each(libraries)("$name's types are right for its importers", async ({ folder }) => {
  const result = await checkPackage(createPackageFromTarballData(await packWorkspacePackage(folder)));
  const problems = result.types === false ? [{ kind: "no types" }] : result.problems;
  const ignored = ["node10", "node16-cjs"];
  const isLookedAt = (problem: object) =>
    !("resolutionKind" in problem && ignored.includes(`${problem.resolutionKind}`));
  expect(problems.filter(isLookedAt)).toEqual([]);
});

test("jsonl depends on nothing", () => {
  expect(byName("@plexum/jsonl").manifest).not.toHaveProperty("dependencies");
});

test("mcp-bridge's relay runs without any other package", async () => {
  const files = await readTarball(await packWorkspacePackage(byName("@plexum/mcp-bridge").folder));
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, "dist"));
  await writeFile(join(folder.path, "package.json"), JSON.stringify({ type: "module" }));
  const copy = async (file: string): Promise<void> => {
    const code = files.get(file)?.toString("utf8") ?? "";
    await writeFile(join(folder.path, file), code);
    for (const specifier of importsOf(code)) {
      if (specifier.startsWith(".")) await copy(posix.join("dist", specifier));
      else expect(specifier, `${file} imports it`).toSatisfy(isBuiltin);
    }
  };
  await copy("dist/relay.js");

  // Without a bridge it serves an empty list of tools, and ends at the end of its input.
  const program = `
    import { runRelay } from "./dist/relay.js";
    await runRelay({ socketPath: ${JSON.stringify(join(folder.path, "no.sock"))}, agentId: "a", token: "t" });`;
  await writeFile(join(folder.path, "relay.mjs"), program);
  const relay = promisify(execFile)(process.execPath, ["relay.mjs"], { cwd: folder.path, timeout: 20_000 });
  relay.child.stdin?.end(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" })}\n`);
  expect(JSON.parse((await relay).stdout)).toEqual({ jsonrpc: "2.0", id: 1, result: { tools: [] } });
});

/** Returns what built code imports, statically or dynamically. */
function importsOf(code: string): string[] {
  const pattern = /\b(?:import|export)\b[^"'`;()]*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']/g;
  return Array.from(code.matchAll(pattern), ([, from, imported]) => from ?? imported ?? "");
}
