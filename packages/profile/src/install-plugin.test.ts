import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { snapshot } from "../test/folder.ts";
import { NAME, setUp } from "../test/setup.ts";
import { ProfileError } from "./errors.ts";
import { installPlugin } from "./install-plugin.ts";
import { readInstallation } from "./installation.ts";

const run = promisify(execFile);

test("a host can start the plugin with an empty environment, and it knows its profile", async () => {
  await using at = await setUp();
  const changes = await at.install();
  expect(changes.map(({ what }) => what)).toEqual(Array(4).fill("created"));
  const { stdout } = await run(at.launcher, ["mcp-host", "a b"], { env: {} });
  expect(JSON.parse(stdout)).toEqual(["hello", at.profile, "mcp-host", "a b"]);
  const other = await run(at.launcher, [], { env: { PLEXUM_PROFILE_ROOT: "/elsewhere" } });
  expect(JSON.parse(other.stdout)).toEqual(["hello", "/elsewhere"]);
  expect(await readInstallation(at.profile, NAME)).toEqual({
    folder: at.plugin,
    version: "1.0.0",
    manifest: await readFile(join(at.plugin, "manifest.json"), "utf8"),
    allowed: true,
  });
  expect(JSON.parse(await readFile(join(at.plugin, "manifest.json"), "utf8"))).toEqual(at.options().manifest);
});

test("a second installation changes nothing", async () => {
  await using at = await setUp();
  const options = at.options("1.0.0", { config: { binary: "/usr/bin/codex" } });
  await installPlugin(options);
  const inodes = async () => {
    const names = (await readdir(at.profile, { recursive: true })).sort();
    return Promise.all(names.map(async (name) => [name, (await stat(join(at.profile, name))).ino]));
  };
  const before = [await snapshot(at.profile), await inodes()];
  const changes = await installPlugin(options);
  expect(changes.every(({ what }) => what === "unchanged")).toBe(true);
  expect([await snapshot(at.profile), await inodes()]).toEqual(before);
});

test("uninstalling restores a profile to the byte, with what the user wrote in it", async () => {
  await using at = await setUp();
  const settings = '{\r\n\t"agents": {"z": 1.0e2, "a": "\\u00e9"},\r\n\t"plugins": {"allow": [ "other" ]}}';
  await writeFile(at.settings, settings);
  await chmod(at.settings, 0o600);
  await mkdir(at.plugin, { recursive: true });
  await writeFile(at.config, '{"binary": "codex",   "extra_args": ["-c", "x=1.50"]}');
  const before = await snapshot(at.profile);

  await at.install("1.0.0", { config: { binary: "/opt/codex" } });
  expect(await readFile(at.settings, "utf8")).toBe(settings.replace('"other" ]', '"other", "echo-provider" ]'));
  expect((await stat(at.settings)).mode & 0o777).toBe(0o600);
  expect(await readFile(at.config, "utf8")).toBe('{"binary": "/opt/codex",   "extra_args": ["-c", "x=1.50"]}');
  await at.install("1.1.0", { config: { binary: "/usr/bin/codex" } });
  expect(JSON.parse(await readFile(at.config, "utf8"))).toMatchObject({ binary: "/usr/bin/codex" });

  await at.uninstall();
  expect(await snapshot(at.profile)).toEqual(before);
});

test("uninstalling removes a profile that the installation created", async () => {
  await using at = await setUp();
  await rm(at.profile, { recursive: true });
  await at.install("1.0.0", { config: { binary: "/opt/codex" } });
  await at.uninstall();
  await expect(stat(at.profile)).rejects.toMatchObject({ code: "ENOENT" });
});

test("what the user changed since the installation stays", async () => {
  await using at = await setUp();
  await at.install("1.0.0", { config: { binary: "/opt/codex" } });
  await writeFile(at.config, '{"binary": "/my/codex", "timeout_ms": 1}');
  await writeFile(at.settings, '{"plugins": {"allow": ["echo-provider", "mine"]}}');
  await at.uninstall();
  expect(await readFile(at.config, "utf8")).toBe('{"binary": "/my/codex", "timeout_ms": 1}');
  expect(await readFile(at.settings, "utf8")).toBe('{"plugins": {"allow": ["mine"]}}');
  expect(await readdir(at.plugin)).toEqual(["config.json"]);
});

test("what the user changed between two installations stays", async () => {
  await using at = await setUp();
  await at.install("1.0.0", { config: { binary: "/opt/codex", other: 1 } });
  const theirs = '{ "binary":  "/my/codex", "other": 1 }';
  await writeFile(at.config, theirs);
  await at.install("1.0.0", { config: { binary: "/my/codex", other: 1 } });
  await at.install("1.1.0", { config: { binary: "/usr/bin/codex", other: 2 } });
  await at.uninstall();
  expect(await readFile(at.config, "utf8")).toBe('{ "binary":  "/my/codex" }');
});

test("the record is private if the config is", async () => {
  await using at = await setUp();
  await mkdir(at.plugin, { recursive: true });
  await writeFile(at.config, '{"token": "secret"}', { mode: 0o600 });
  await at.install("1.0.0", { config: { token: "other" } });
  expect(await readFile(at.record, "utf8")).toContain("secret");
  expect((await stat(at.record)).mode & 0o077).toBe(0);
});

test("a config whose keys the user replaced belongs to the user", async () => {
  await using at = await setUp();
  await at.install("1.0.0", { config: { binary: "/opt/codex" } });
  await writeFile(at.config, '{"binary": "/my/codex"}');
  await at.install("1.0.0", { config: { binary: "/usr/bin/codex" } });
  await writeFile(at.config, "{ }");
  await at.uninstall();
  expect(await readFile(at.config, "utf8")).toBe("{ }");
});

test("a plexum.json that had to be created again is removed with the plugin", async () => {
  await using at = await setUp();
  await writeFile(at.settings, '{"plugins": {"allow": []}}');
  await at.install();
  await rm(at.settings);
  await at.install();
  await at.uninstall();
  expect(await readdir(at.profile)).toEqual([]);
});

test("an existing plugin of the same name is set aside, and restored", async () => {
  await using at = await setUp();
  await mkdir(at.plugin, { recursive: true });
  await writeFile(at.launcher, Buffer.alloc(100_000, 0xff), { mode: 0o755 });
  await writeFile(join(at.plugin, "manifest.json"), '{"name":"echo-provider"}');
  await writeFile(at.settings, '{"plugins":{"allow":["echo-provider"]}}');
  const before = await snapshot(at.profile);
  const changes = await at.install();
  expect(changes.filter(({ what }) => what === "set aside").map(({ path }) => path)).toEqual([
    at.launcher,
    join(at.plugin, "manifest.json"),
  ]);
  expect(JSON.parse((await run(at.launcher, [], { env: {} })).stdout)[0]).toBe("hello");
  await at.install("1.1.0");
  await at.uninstall();
  expect(await snapshot(at.profile)).toEqual(before);
});

test("another plugin's file is restored even if it equals ours", async () => {
  await using at = await setUp();
  await at.install();
  const launcher = await readFile(at.launcher);
  const manifest = await readFile(at.manifest);
  await at.uninstall();
  await mkdir(join(at.plugin, "program", "1.0.0"), { recursive: true });
  await writeFile(join(at.plugin, "program", "1.0.0", "main.js"), "another's");
  await writeFile(at.launcher, launcher, { mode: 0o755 });
  await writeFile(at.manifest, manifest);
  const before = await snapshot(at.profile);
  await at.install("1.0.0");
  await at.install("2.0.0");
  await at.uninstall();
  expect(await snapshot(at.profile)).toEqual(before);
});

test("an executable with a new name may also replace another plugin's file", async () => {
  await using at = await setUp();
  await mkdir(at.plugin, { recursive: true });
  await symlink("/nonexistent", join(at.plugin, "renamed"));
  const before = await snapshot(at.profile);
  await at.install("1.0.0");
  await at.install("2.0.0", { manifest: { name: NAME, version: "2.0.0", executable: "renamed" } });
  expect(JSON.parse((await run(join(at.plugin, "renamed"), [], { env: {} })).stdout)[0]).toBe("hello");
  await at.uninstall();
  expect(await snapshot(at.profile)).toEqual(before);
});

test("a file that was set aside is not lost with the record", async () => {
  await using at = await setUp();
  await mkdir(at.plugin, { recursive: true });
  await writeFile(at.launcher, "another's");
  await at.install();
  await rm(at.record);
  const before = await snapshot(at.profile);
  const aside = join(at.plugin, "before-install", basename(at.launcher));
  await expect(at.install()).rejects.toMatchObject({ code: "invalid_file", message: expect.stringContaining(aside) });
  expect(await snapshot(at.profile)).toEqual(before);
});

test("a set-aside file that the user removed can't be restored, and nothing of ours is left in its place", async () => {
  await using at = await setUp();
  await mkdir(at.plugin, { recursive: true });
  const before = await snapshot(at.profile);
  await writeFile(at.launcher, "another's");
  await at.install();
  await rm(join(at.plugin, "before-install"), { recursive: true });
  await at.install();
  await at.uninstall();
  expect(await snapshot(at.profile)).toEqual(before);
});

test("a program's own package.json is copied unchanged", async () => {
  await using at = await setUp();
  const own = '{"type": "module", "imports": {"#say": "./parts/say.js"}}';
  await writeFile(join(at.source, "package.json"), own);
  await writeFile(join(at.source, "main.js"), 'import { say } from "#say";\nsay();\n');
  await at.install();
  const [program = ""] = await readdir(join(at.plugin, "program"));
  expect(await readFile(join(at.plugin, "program", program, "package.json"), "utf8")).toBe(own);
  expect(JSON.parse((await run(at.launcher, [], { env: {} })).stdout)[0]).toBe("hello");
});

test("the program that a host still runs stays, and older ones are removed", async () => {
  await using at = await setUp();
  await at.install("1.0.0");
  const programs = () => readdir(join(at.plugin, "program")).then((names) => names.sort());
  const [first] = await programs();
  await at.program("second");
  await at.install("2.0.0");
  expect(JSON.parse((await run(at.launcher, [], { env: {} })).stdout)[0]).toBe("second");
  expect(await programs()).toHaveLength(2);
  await at.program("third");
  await at.install("3.0.0");
  await at.install("3.0.0");
  expect(JSON.parse((await run(at.launcher, [], { env: {} })).stdout)[0]).toBe("third");
  expect(await programs()).toHaveLength(2);
  expect(await programs()).not.toContain(first);
});

test("a damaged program or launcher is repaired", async () => {
  await using at = await setUp();
  await at.install();
  const [program = ""] = await readdir(join(at.plugin, "program"));
  await rm(join(at.plugin, "program", program, "parts"), { recursive: true });
  await chmod(at.launcher, 0o600);
  const changes = await at.install();
  expect(changes.map(({ what }) => what)).toEqual(["created", "unchanged", "changed", "unchanged"]);
  expect(JSON.parse((await run(at.launcher, [], { env: {} })).stdout)[0]).toBe("hello");
});

test("the target of a symbolic link is changed in place", async () => {
  await using at = await setUp();
  const dotfiles = join(at.profile, "dotfiles.json");
  await writeFile(dotfiles, "{}");
  await symlink("dotfiles.json", at.settings);
  await at.install();
  expect((await lstat(at.settings)).isSymbolicLink()).toBe(true);
  expect(JSON.parse(await readFile(dotfiles, "utf8"))).toEqual({ plugins: { allow: [NAME] } });
});

test.each(["plexum.json", "plugins/echo-provider/config.json"])(
  "a %s that is a broken link is refused, and the link stays",
  async (name) => {
    await using at = await setUp();
    await mkdir(at.plugin, { recursive: true });
    await symlink("dotfiles.json", join(at.profile, name));
    const before = await snapshot(at.profile);
    const message = expect.stringContaining(`${name} is a link to a file that is not there: create that file`);
    await expect(at.install()).rejects.toMatchObject({ code: "invalid_file", message });
    expect(await snapshot(at.profile)).toEqual(before);
  },
);

test("everything belongs to the profile's owner, even if root installs", async () => {
  await using at = await setUp();
  const isRoot = process.getuid?.() === 0;
  const owner = isRoot ? 12_345 : (process.getuid?.() as number);
  await writeFile(at.settings, "{}");
  if (isRoot) for (const path of [at.profile, at.settings]) await chown(path, owner, owner);
  await at.install("1.0.0", { config: { binary: "/opt/codex" } });
  for (const name of await readdir(at.profile, { recursive: true }))
    expect([name, (await lstat(join(at.profile, name))).uid]).toEqual([name, owner]);
});

test.each([
  ["plexum.json that is not JSON", "plexum.json", "{", "invalid_file"],
  ["plexum.json that is a list", "plexum.json", "[]", "invalid_file"],
  ["a plugins that is not an object", "plexum.json", '{"plugins": []}', "invalid_file"],
  ["an allow that is not a list", "plexum.json", '{"plugins": {"allow": "*"}}', "invalid_file"],
  ["a file that is not UTF-8", "plexum.json", Buffer.from([0x7b, 0xff, 0x7d]), "invalid_file"],
  ["a config that is not JSON", `plugins/${NAME}/config.json`, "binary: codex", "invalid_file"],
  ["a record of another shape", `plugins/${NAME}/install.json`, "{}", "invalid_file"],
])("refuses %s, names it, and changes nothing", async (_name, file, content, code) => {
  await using at = await setUp();
  await mkdir(at.plugin, { recursive: true });
  await writeFile(join(at.profile, file), content);
  const before = await snapshot(at.profile);
  const attempt = at.install("1.0.0", { config: { binary: "/opt/codex" } });
  await expect(attempt).rejects.toMatchObject({ code, message: expect.stringContaining(join(at.profile, file)) });
  await expect(attempt).rejects.toSatisfy(ProfileError.isInstance);
  expect(await snapshot(at.profile)).toEqual(before);
});

const manifest = { name: NAME, version: "1.0.0", executable: "x" };
test.each([
  ["a program without its main file", { program: { folder: import.meta.dirname, main: "main.js" } }, "invalid_program"],
  ["a missing program", { program: { folder: "/nonexistent", main: "main.js" } }, "io"],
  ["a name that leads elsewhere", { manifest: { ...manifest, name: "../x" } }, "invalid_program"],
  ["a version that leads elsewhere", { manifest: { ...manifest, version: "../../../../x" } }, "invalid_program"],
  ["an executable that leads elsewhere", { manifest: { ...manifest, executable: "../x" } }, "invalid_program"],
  [
    "an executable with another file's name",
    { manifest: { ...manifest, executable: "Config.json" } },
    "invalid_program",
  ],
])("refuses %s, and changes nothing", async (_name, more, code) => {
  await using at = await setUp();
  const before = await snapshot(at.folder);
  await expect(at.install("1.0.0", more)).rejects.toMatchObject({ code });
  expect(await snapshot(at.folder)).toEqual(before);
});

test("accepts a version in npm's form", async () => {
  await using at = await setUp();
  await at.install("1.0.0-rc.1+build.5");
  expect((await readInstallation(at.profile, NAME)).version).toBe("1.0.0-rc.1+build.5");
});

test("a record that leads elsewhere is refused", async () => {
  await using at = await setUp();
  await at.install();
  const record = JSON.parse(await readFile(at.record, "utf8"));
  await writeFile(at.record, JSON.stringify({ ...record, files: { "../../plexum.json": "ours" } }));
  await expect(at.uninstall()).rejects.toMatchObject({ code: "invalid_file" });
});

test("uninstalling fails if nothing was installed", async () => {
  await using at = await setUp();
  await expect(at.uninstall()).rejects.toMatchObject({ code: "not_installed" });
});

test("temporary files of a killed process are removed, but nothing that only looks like them", async () => {
  await using at = await setUp();
  const gone = spawn(process.execPath, ["-e", "0"]);
  await once(gone, "exit");
  await mkdir(at.plugin, { recursive: true });
  const beside = (path: string, end: string) => join(dirname(path), `.${basename(path)}.${end}`);
  for (const path of [at.settings, at.config, at.launcher]) await writeFile(beside(path, "20240131"), "a backup");
  await writeFile(beside(at.settings, `${process.ppid}.01234567.plexum-tmp`), "of a process that is alive");
  await writeFile(beside(at.settings, `${gone.pid}.plexum-tmp`), "a user's");
  const before = await snapshot(at.profile);
  for (const path of [at.settings, at.config, at.launcher])
    for (const pid of [gone.pid, process.pid]) await writeFile(beside(path, `${pid}.01234567.plexum-tmp`), "half a fi");
  await mkdir(beside(at.plugin, `${gone.pid}.89abcdef.plexum-tmp`));
  await at.install("1.0.0", { config: { binary: "/opt/codex" } });
  await at.uninstall();
  expect(await snapshot(at.profile)).toEqual(before);
});

const child = fileURLToPath(new URL("../test/profile-child.ts", import.meta.url));

/** Kills a process `patience` milliseconds after its first change was seen. */
async function kill(profile: string, work: "installPlugin" | "uninstallPlugin", options: object, patience: number) {
  const names = () => readdir(profile, { recursive: true }).catch(() => []);
  const before = (await names()).join();
  const process_ = spawn(process.execPath, [child, work, JSON.stringify(options)], { stdio: "ignore" });
  const exited = once(process_, "exit");
  for (let polls = 0; polls < 2000 && process_.exitCode === null; polls++) {
    if ((await names()).join() !== before) break;
    await delay(1);
  }
  await delay(patience);
  process_.kill("SIGKILL");
  await exited;
}

test("after a kill at any time everything is undone or finished", { timeout: 120_000 }, async () => {
  await using at = await setUp();
  await writeFile(at.settings, '{"plugins": {"allow": ["other"]}}');
  const options = at.options("1.0.0", { config: { binary: "/opt/codex" } });
  const uninstall = () => at.uninstall().catch((error) => expect(error).toMatchObject({ code: "not_installed" }));
  const seen = new Set<number>();
  for (let round = 0; round < 12; round++) {
    // In the second half, another plugin is in the way.
    if (round === 6) await mkdir(at.plugin, { recursive: true });
    if (round === 6) await writeFile(at.launcher, "another's");
    const before = await snapshot(at.profile);
    const patience = (round % 6) * 4;

    await kill(at.profile, "installPlugin", options, patience);
    seen.add((await readdir(at.profile, { recursive: true })).length);
    await uninstall();
    expect(await snapshot(at.profile), `installation ${round}`).toEqual(before);

    await kill(at.profile, "installPlugin", options, patience);
    await installPlugin(options);
    expect(JSON.parse((await run(at.launcher, [], { env: {} })).stdout)[0]).toBe("hello");
    expect((await readInstallation(at.profile, NAME)).allowed).toBe(true);

    await kill(at.profile, "uninstallPlugin", { profile: at.profile, name: NAME }, patience / 4);
    await uninstall();
    expect(await snapshot(at.profile), `uninstallation ${round}`).toEqual(before);
  }
  expect(seen.size).toBeGreaterThan(1);
});
