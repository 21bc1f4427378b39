import { symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { oldestCodex, testedCodexes, unsupportedCodex } from "@plexum/codex-versions";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { temporaryFolder } from "@plexum/test-support";
import { expect, test } from "vitest";
import { locateCodex } from "./locate.ts";
import { assertSupported, isNewerThanTested, isSupported, NEWEST_TESTED_VERSION, probeCodex } from "./probe.ts";

test.each([...testedCodexes(), unsupportedCodex])("codex $version tells its version and login", async (codex) => {
  await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1" });
  const probe = () => probeCodex({ binary: codex.path, env: home.env });
  const { version, path } = codex;
  const expected = {
    path,
    command: [path],
    version,
    isSupported: codex !== unsupportedCodex,
    isNewerThanTested: false,
    loginStatus: expect.stringMatching(/logged in|API key configured/i),
  };
  expect(await probe()).toEqual({ ...expected, isSignedIn: false });
  await writeFile(join(home.path, "auth.json"), JSON.stringify({ OPENAI_API_KEY: "sk-test" }));
  expect(await probe()).toEqual({ ...expected, isSignedIn: true });
});

test("the newest codex that is tested is the one that is installed here", () => {
  expect(NEWEST_TESTED_VERSION).toBe(newestCodex.version);
});

test("versions are compared by number", () => {
  expect(["0.135.0", "0.135.1", "0.136.0-alpha.2", "1.0.0", "0.1000.0"].every(isSupported)).toBe(true);
  expect(["0.134.9", "0.99.0", "0.0.0"].some(isSupported)).toBe(false);
  expect(["0.169.1", "0.170.0", "1.0.0"].every(isNewerThanTested)).toBe(true);
  expect(["0.169.0", "0.168.9", "0.99.0"].some(isNewerThanTested)).toBe(false);
});

test("a codex that is replaced while this program runs is asked again", async () => {
  await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1" });
  await using folder = await temporaryFolder();
  const path = join(folder.path, "codex");
  const install = (target: string) => symlink(target, path);
  const ask = async () => assertSupported(await locateCodex(path, home.env), home.env);
  await install(oldestCodex.path);
  expect(await ask()).toBe(oldestCodex.version);
  await unlink(path);
  await install(unsupportedCodex.path);
  await expect(ask()).rejects.toMatchObject({ code: "version_unsupported" });
});

test("a program that hangs or says something else is not codex", async () => {
  await using folder = await temporaryFolder();
  const program = async (name: string, script: string) => {
    const path = join(folder.path, name);
    await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return path;
  };
  const [talks, hangs] = [await program("talks", "echo hello"), await program("hangs", "exec sleep 60")];
  await expect(probeCodex({ binary: talks })).rejects.toMatchObject({ code: "spawn_failed", detail: "hello\n" });
  await expect(probeCodex({ binary: hangs, timeoutMs: 200 })).rejects.toMatchObject({ code: "spawn_failed" });
});
