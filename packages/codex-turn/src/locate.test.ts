import { execFile } from "node:child_process";
import { chmod, cp, mkdir, readdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { basename, delimiter, dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { testedCodexes } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { locateCodex } from "./locate.ts";

async function program(path: string, mode = 0o755): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, "#!/bin/sh\n", { mode });
  return path;
}

const onPath = (...folders: string[]) => ({ PATH: folders.join(delimiter) });

describe("on the PATH", () => {
  test("finds the first file that can be run", async () => {
    await using folder = await temporaryFolder();
    const [a, b, c] = [join(folder.path, "a"), join(folder.path, "b"), join(folder.path, "c")];
    await program(join(a, "codex"), 0o644);
    await mkdir(join(b, "codex"), { recursive: true });
    const path = await program(join(c, "codex"));
    expect(await locateCodex("codex", onPath(join(folder.path, "none"), a, b, c))).toEqual({
      path,
      command: path,
      prefix: [],
    });
    await expect(locateCodex("codex", onPath(b, a))).rejects.toMatchObject({
      code: "binary_not_executable",
      message: expect.stringContaining(join(a, "codex")),
    });
  });

  test("ignores a folder that this user may not search", async () => {
    await using folder = await temporaryFolder();
    const closed = join(folder.path, "closed");
    await mkdir(closed, { mode: 0o000 });
    await chmod(folder.path, 0o755);
    const program = `
      import { locateCodex } from ${JSON.stringify(new URL("locate.ts", import.meta.url).href)};
      await locateCodex("codex", { PATH: ${JSON.stringify(closed)} }).catch(({ code }) => console.log(code));`;
    // The superuser may search any folder: run as another user.
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const args = ["--input-type=module", "--eval", program];
    expect((await promisify(execFile)(process.execPath, args, nobody)).stdout).toBe("binary_not_found\n");
    await chmod(closed, 0o700);
  });

  test("ignores relative and empty entries, whose meaning depends on the current directory", async () => {
    await using folder = await temporaryFolder();
    await program(join(folder.path, "codex"));
    const here = relative(process.cwd(), folder.path);
    for (const env of [onPath(here, "", "."), {}]) {
      await expect(locateCodex("codex", env)).rejects.toMatchObject({
        code: "binary_not_found",
        message: expect.stringContaining("0 searched"),
      });
    }
  });
});

test("ignores a folder of that name on the PATH, and an empty name", async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, "codex"));
  for (const name of ["codex", ""])
    await expect(locateCodex(name, onPath(folder.path))).rejects.toMatchObject({
      code: "binary_not_found",
      message: expect.stringContaining(`"${name}" is not in any folder`),
    });
});

describe("a path", () => {
  test("is used unchanged, including a relative path and a link", async () => {
    await using folder = await temporaryFolder();
    const path = await program(join(folder.path, "bin", "codex"));
    const link = join(folder.path, "link");
    await symlink(path, link);
    expect(await locateCodex(path, {})).toEqual({ path, command: path, prefix: [] });
    expect((await locateCodex(relative(process.cwd(), path), {})).command).toBe(path);
    expect((await locateCodex(link, {})).command).toBe(link);
  });

  test("fails if it is missing, a dangling link, a folder, or not executable", async () => {
    await using folder = await temporaryFolder();
    const none = join(folder.path, "none");
    const link = join(folder.path, "link");
    await symlink(none, link);
    for (const path of [none, link]) {
      await expect(locateCodex(path, {})).rejects.toMatchObject({ code: "binary_not_found" });
    }
    const plain = await program(join(folder.path, "codex"), 0o644);
    for (const path of [folder.path, plain]) {
      await expect(locateCodex(path, {})).rejects.toMatchObject({ code: "binary_not_executable" });
    }
  });
});

describe.each(testedCodexes())("the launcher of npm or pnpm for codex $version", (codex) => {
  test("bypasses npm's link to codex.js", async () => {
    await using folder = await temporaryFolder();
    const link = join(folder.path, "codex");
    await symlink(codex.shim, link);
    const { path, command, prefix, toolsPath } = await locateCodex("codex", onPath(folder.path));
    expect({ path, prefix }).toEqual({ path: link, prefix: [] });
    expect(await realpath(command)).toBe(codex.path);
    expect(await readdir(toolsPath as string)).toContain("rg");
  });

  test("finds the platform's package inside codex's own, as npm installs it", async () => {
    await using folder = await temporaryFolder();
    const installed = join(folder.path, "lib", "node_modules", "@openai", "codex");
    await cp(dirname(dirname(codex.shim)), installed, {
      recursive: true,
      filter: (source) => basename(source) !== "node_modules",
    });
    const platform = join(installed, "node_modules", "@openai", `codex-${process.platform}-${process.arch}`);
    await mkdir(dirname(platform), { recursive: true });
    await symlink(join(dirname(codex.path), "..", "..", ".."), platform);
    const { command, prefix } = await locateCodex(join(installed, "bin", "codex.js"), {});
    expect([command.startsWith(platform), basename(command), prefix]).toEqual([true, "codex", []]);
  });

  test("without the native program, this Node runs codex.js, which reports what is missing", async () => {
    await using folder = await temporaryFolder();
    const script = join(folder.path, "node_modules", "@openai", "codex", "bin", "codex.js");
    await cp(dirname(dirname(codex.shim)), dirname(dirname(script)), {
      recursive: true,
      filter: (source) => basename(source) !== "node_modules",
    });
    expect(await locateCodex(script, {})).toEqual({ path: script, command: process.execPath, prefix: [script] });
  });

  test("finds codex.js relative to the folder of a Windows .cmd file", async () => {
    await using folder = await temporaryFolder();
    const modules = join(folder.path, "node_modules", "@openai");
    await mkdir(modules, { recursive: true });
    await symlink(dirname(dirname(codex.shim)), join(modules, "codex"));
    for (const start of ["%dp0%", "%~dp0"]) {
      const launcher = join(folder.path, "codex.cmd");
      const line = `"%_prog%"  "${start}\\node_modules\\@openai\\codex\\bin\\codex.js" %*\r\n`;
      await writeFile(launcher, `@ECHO off\r\nSETLOCAL\r\n${line}`, { mode: 0o755 });
      expect(await realpath((await locateCodex(launcher, {})).command)).toBe(codex.path);
    }
  });
});

test("bypasses pnpm's launcher, a shell script", async () => {
  const launcher = join(import.meta.dirname, "../../../tooling/real-codex/node_modules/.bin/codex");
  expect(await readFile(launcher, "utf8")).toMatch(/^#!\/bin\/sh/);
  expect(await realpath((await locateCodex(launcher, {})).command)).toBe(newestCodex.path);
});

test("does not bypass the user's own script, nor one beside a damaged package.json", async () => {
  await using folder = await temporaryFolder();
  const script = join(folder.path, "bin", "codex.js");
  await program(script);
  expect((await locateCodex(script, {})).command).toBe(script);
  await writeFile(join(folder.path, "package.json"), "{");
  expect((await locateCodex(script, {})).command).toBe(script);
  const wrapper = join(folder.path, "codex");
  await writeFile(wrapper, `#!/bin/sh\nexec env FOO=1 codex "$@"\n`);
  await chmod(wrapper, 0o755);
  expect((await locateCodex(wrapper, {})).command).toBe(wrapper);
});
