import { symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { oldestCodex, testedCodexes, unsupportedCodex } from "@plexum/codex-versions";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { eventually, sleepers, temporaryFolder, uniqueSeconds } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { locateCodex } from "./locate.ts";
import { assertSupported, isNewerThanTested, isSupported, NEWEST_TESTED_VERSION, probeCodex } from "./probe-codex.ts";

test.each([...testedCodexes(), unsupportedCodex])("codex $version reports its version and login", async (codex) => {
  await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1" });
  const probe = (env: NodeJS.ProcessEnv = home.env) => probeCodex({ binary: codex.path, env });
  const { version, path } = codex;
  const expected = {
    path,
    command: [path],
    version,
    isSupported: codex !== unsupportedCodex,
    isNewerThanTested: false,
    loginStatus: expect.stringMatching(/logged in|API key configured/i),
    configError: undefined,
  };
  expect(await probe()).toEqual({ ...expected, login: "signed_out" });
  expect(await probe({ ...home.env, CODEX_API_KEY: "sk-test" })).toEqual({ ...expected, login: "signed_in" });
  expect(await probe({ ...home.env, CODEX_API_KEY: " " })).toEqual({ ...expected, login: "signed_out" });
  await writeFile(join(home.path, "auth.json"), JSON.stringify({ OPENAI_API_KEY: "sk-test" }));
  expect(await probe()).toEqual({ ...expected, login: "signed_in" });
});

test.each(testedCodexes())("a codex $version that gives no answer about its login is not signed out", async (codex) => {
  await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1" });
  const probe = () => probeCodex({ binary: codex.path, env: { ...home.env, CODEX_API_KEY: "sk-test" } });
  await writeFile(join(home.path, "auth.json"), "{moth");
  expect(await probe()).toMatchObject({
    login: "unknown",
    configError: undefined,
    loginStatus: expect.stringContaining("key must be a string"),
  });
  for (const broken of ["model = [", "model = 7", "[model_providers.x]\nname = {}"]) {
    await writeFile(join(home.path, "config.toml"), broken);
    const found = await probe();
    expect(found).toMatchObject({ login: "unknown", configError: expect.stringContaining("config.toml:") });
  }
});

test("the newest tested version is the one installed here", () => {
  expect(NEWEST_TESTED_VERSION).toBe(newestCodex.version);
});

test("versions are compared by number", () => {
  expect(["0.135.0", "0.135.1", "0.136.0-alpha.2", "1.0.0", "0.1000.0"].every(isSupported)).toBe(true);
  expect(["0.134.9", "0.99.0", "0.0.0"].some(isSupported)).toBe(false);
  expect(["0.171.1", "0.172.0", "1.0.0"].every(isNewerThanTested)).toBe(true);
  expect(["0.171.0", "0.170.9", "0.99.0"].some(isNewerThanTested)).toBe(false);
});

test("checks the version again when codex is replaced", async () => {
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

test("a program that hangs or answers differently is not codex", async () => {
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

describe("a program in place of codex that does not exit normally", () => {
  const program = async (folder: string, script: string) => {
    const path = join(folder, "codex");
    await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return path;
  };

  test("is killed after the time limit if it ignores SIGTERM", async () => {
    await using folder = await temporaryFolder();
    const seconds = uniqueSeconds();
    const binary = await program(folder.path, `trap '' TERM INT\nsleep ${seconds}\nsleep ${seconds}`);
    await expect(probeCodex({ binary, timeoutMs: 300.5 })).rejects.toMatchObject({ code: "spawn_failed" });
    expect(sleepers(seconds)).toEqual([]);
  });

  test("does not delay the cancellation of a turn", async () => {
    await using folder = await temporaryFolder();
    const seconds = uniqueSeconds();
    const path = await program(folder.path, `trap '' TERM\nsleep ${seconds}\nsleep ${seconds}`);
    const cancel = new AbortController();
    const asked = assertSupported(await locateCodex(path, process.env), process.env, cancel.signal);
    await eventually("the program runs", () => sleepers(seconds).length > 0);
    cancel.abort(new Error("cancelled"));
    await expect(asked).rejects.toThrow("cancelled");
    expect(sleepers(seconds)).toEqual([]);
  });

  test("does not delay the answer by a leftover process that holds its pipe, which is ended", async () => {
    await using folder = await temporaryFolder();
    const seconds = uniqueSeconds();
    const path = await program(folder.path, `sleep ${seconds} &\necho codex-cli 0.169.0`);
    expect(await assertSupported(await locateCodex(path, process.env), process.env)).toBe("0.169.0");
    expect(sleepers(seconds)).toEqual([]);
  });

  test("is read only up to a limit if its answer is endless", async () => {
    await using folder = await temporaryFolder();
    const binary = await program(folder.path, "exec yes codex");
    await expect(probeCodex({ binary, timeoutMs: 300 })).rejects.toMatchObject({ code: "spawn_failed" });
  });
});
