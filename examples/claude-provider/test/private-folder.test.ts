import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { privateFolder, removeLeftoverFolders } from "../src/private-folder.ts";

/** A process that creates a folder with a file, and then stays. */
const OWNER = `
  import { writeFileSync } from "node:fs";
  import { privateFolder } from ${JSON.stringify(import.meta.resolve("../src/private-folder.ts"))};
  const folder = await privateFolder();
  writeFileSync(folder + "/mcp.json", "a token");
  console.log(folder);
  setInterval(() => {}, 1000);`;

async function ownTempFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "claude-folder-test-"));
  vi.stubEnv("TMPDIR", path);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(path, { recursive: true });
  });
  return path;
}

async function startOwner() {
  const child = spawn(process.execPath, ["--input-type=module", "-e", OWNER], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await once(child.stdout.setEncoding("utf8"), "data");
  return { child, path: String(line).trim() };
}

const makeOld = (path: string) => utimes(path, new Date(0), new Date(0));

test("the folder of a killed provider is removed, those of running ones stay", async () => {
  const temp = await ownTempFolder();
  const [killed, running] = [await startOwner(), await startOwner()];
  const own = await privateFolder();
  killed.child.kill("SIGKILL");
  await once(killed.child, "exit");
  await removeLeftoverFolders();
  expect(await readdir(temp), "while it is young").toContain(basename(killed.path));
  for (const path of [killed.path, running.path, own]) await makeOld(path);
  await removeLeftoverFolders();
  expect((await readdir(temp)).sort()).toEqual([basename(running.path), basename(own)].sort());
});

test("files, links and folders with other names stay", async () => {
  const temp = await ownTempFolder();
  const GONE = 2 ** 22 + 1; // above every pid of Linux
  const [file, link] = [`claude-provider-${GONE}-file`, `claude-provider-${GONE}-link`];
  await mkdir(join(temp, "claude-provider-test-1"));
  await mkdir(join(temp, `claude-provider-${GONE}`));
  await writeFile(join(temp, file), "");
  await symlink(join(temp, "claude-provider-test-1"), join(temp, link));
  const names = await readdir(temp);
  for (const name of names) await makeOld(join(temp, name));
  await removeLeftoverFolders();
  expect(await readdir(temp)).toEqual(names);
});

test("only this user can read the folder", async () => {
  await ownTempFolder();
  expect((await stat(await privateFolder())).mode & 0o777).toBe(0o700);
});
