import { spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "./temporary-folder.ts";
import { repository } from "./workspace-packages.ts";

const json = async (path: string) => JSON.parse(await readFile(join(repository, path), "utf8"));
const hashes: Record<string, string> = await json("scripts/pnpm-hashes.json");
const { packageManager } = await json("package.json");
const version = packageManager.replace("pnpm@", "");

/** Returns the bootstrap's output for packages that npm would have fetched. */
async function verify(packages: Record<string, string>) {
  await using folder = await temporaryFolder();
  const bin = join(folder.path, "node_modules", ".bin");
  await mkdir(bin, { recursive: true });
  const entries = Object.entries(packages).map(([name, integrity]) => {
    const [, path = "", version] = /^(.+)@(.+)$/.exec(name) ?? [];
    return [`node_modules/${path}`, { version, integrity }];
  });
  const lock = JSON.stringify({ packages: Object.fromEntries(entries) });
  await writeFile(join(folder.path, "node_modules", ".package-lock.json"), lock);
  const script = join(repository, "scripts", "verify-pnpm.mjs");
  const { status, stderr } = spawnSync(process.execPath, [script], { env: { PATH: bin }, encoding: "utf8" });
  return { status, stderr };
}

test("the hashes are those of the version that the repository is built with", () => {
  expect(Object.keys(hashes)).toContain(packageManager);
  expect(Object.keys(hashes).filter((name) => !name.endsWith(`@${version}`))).toEqual([]);
});

test("a pnpm with these hashes passes without output", async () => {
  const exe = `@pnpm/exe.linux-x64@${version}`;
  const packages = { [packageManager]: hashes[packageManager] ?? "", [exe]: hashes[exe] ?? "" };
  expect(await verify(packages)).toEqual({ status: 0, stderr: "" });
});

test("a program for a platform without a hash is reported", async () => {
  const packages = { [packageManager]: hashes[packageManager] ?? "", [`@pnpm/exe.plan9-x64@${version}`]: "sha512-x" };
  expect(await verify(packages)).toMatchObject({ status: 0, stderr: expect.stringContaining("unverified") });
});

test.each([
  ["another pnpm", { [packageManager]: "sha512-other" }],
  [
    "another program",
    { [packageManager]: hashes[packageManager] ?? "", [`@pnpm/exe.linux-x64@${version}`]: "sha512-x" },
  ],
  ["another version", { "pnpm@0.0.1": hashes[packageManager] ?? "" }],
  ["one more package", { [packageManager]: hashes[packageManager] ?? "", "left-pad@1.0.0": "sha512-x" }],
  ["nothing at all", {}],
])("%s is refused", async (_name, packages) => {
  expect(await verify(packages)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("not the repository's pnpm"),
  });
});
