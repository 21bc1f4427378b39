import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "@plexum/session-store/cache-folder";
import { expect, onTestFinished, test } from "vitest";
import { PLUGIN } from "./harness.ts";

/** Starts a plugin with its own home and temporary folder. It ends at once, because its host sends nothing. */
async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), "compile-cache-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [home, temp] = [join(folder, "home"), join(folder, "temp")];
  await mkdir(temp);
  const env = { HOME: home, TMPDIR: temp, XDG_CACHE_HOME: join(home, "caches"), PLEXUM_PROFILE_ROOT: folder };
  const start = () => {
    const started = promisify(execFile)(process.execPath, [PLUGIN], { env });
    started.child.stdin?.end();
    return started;
  };
  return { start, temp, compiled: join(cacheFolder(env), "compiled") };
}

test("compiled code is kept where no other user can write, and not in the temporary folder", async () => {
  const { start, temp, compiled } = await setUp();
  await start();
  expect((await readdir(compiled, { recursive: true })).length).toBeGreaterThan(2);
  expect((await stat(compiled)).mode & 0o777).toBe(0o700);
  expect(await readdir(temp)).toEqual([]);
});

test("a cache folder that others can write to is not used", async () => {
  const { start, temp, compiled } = await setUp();
  await mkdir(compiled, { recursive: true });
  await chmod(compiled, 0o777);
  await start();
  expect([await readdir(compiled), await readdir(temp)]).toEqual([[], []]);
});

test("the plugin starts with a home that is not writable", async () => {
  const { start, temp, compiled } = await setUp();
  await mkdir(dirname(dirname(compiled)), { recursive: true });
  await promisify(execFile)("touch", [dirname(compiled)]);
  expect((await start()).stderr).toBe("");
  expect(await readdir(temp)).toEqual([]);
});
