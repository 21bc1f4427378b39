import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { oldestCodex, unsupportedCodex } from "@plexum/codex-versions";
import { bridgeSocketPath } from "@plexum/mcp-bridge";
import type { ConnectedPlugin, StreamRequest } from "@plexum/plugin-sdk";
import { newestCodex } from "@plexum/real-codex";
import { answer, functionCall, httpError, type Reply, type Script, say, shell } from "@plexum/scripted-model";
import { isAlive } from "@plexum/test-support";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { CHECKS } from "../src/doctor/checks.ts";
import type { Finding } from "../src/doctor/run-checks.ts";
import { eventually, Harness, PLUGIN, runPlugin, runToEnd, TRANSPORTS, turn } from "./harness.ts";

/** Sockets and temporary files of this test only. */
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "doctor-"));
  vi.stubEnv("XDG_RUNTIME_DIR", folder);
  vi.stubEnv("TMPDIR", folder);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

const run = (harness: Harness, args: string[], env: NodeJS.ProcessEnv = harness.env) =>
  runPlugin(["doctor", ...args], env);

async function doctor(harness: Harness, args: string[] = [], env?: NodeJS.ProcessEnv) {
  const { stdout, stderr, exitCode } = await run(harness, ["--json", ...args], env);
  expect(stderr).toBe("");
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  expect(exitCode).toBe(ok ? 0 : 1);
  return new Map(findings.map((finding) => [finding.id, finding]));
}

/** Puts the built plugin into the harness's profile. */
const install = (harness: Harness) => promisify(execFile)(process.execPath, [PLUGIN, "install"], { env: harness.env });

const idsWanted = CHECKS.filter(({ isOptional }) => !isOptional).map(({ id }) => id);

test("docs/doctor.md has the ids of the code, in their order", async () => {
  const text = await readFile(new URL("../../../docs/doctor.md", import.meta.url), "utf8");
  const ids = [...text.matchAll(/^\| `([a-z-]+)` +\|/gm)].map((match) => match[1]);
  expect(ids).toEqual(CHECKS.map(({ id }) => id));
});

describe.each([oldestCodex, newestCodex])("with codex $version", (codex) => {
  test("all checks are ok on an intact machine", async () => {
    await using harness = await Harness.create({ codex, script: [say("hi")] });
    await install(harness);
    await turn(await harness.plugin(), harness.request("hi"));
    const findings = await doctor(harness);
    expect([...findings.keys()]).toEqual(idsWanted);
    expect(findings.get("codex-found")?.title).toBe(codex.path);
    expect(findings.get("codex-version")?.title).toBe(codex.version);
    expect(findings.get("rollouts")?.title).toMatch(/^1 rollout, \d+ kB$/);
    // The scripted model needs no login, but a real account does.
    expect(findings.get("codex-login")).toMatchObject({
      status: "warning",
      detail: expect.stringMatching(/not logged in/i),
    });
    // Other users of the machine's temporary folder may leave sockets there.
    const others = [...findings.values()].filter(({ id }) => id !== "codex-login" && id !== "leftover-sockets");
    expect(others.filter(({ status }) => status !== "ok")).toEqual([]);
  });

  test("runs one real turn, through the bridge and back, that leaves no files", async () => {
    await using harness = await Harness.create({ codex, script: callsTheTool });
    const before = await filesOf(harness.home.path);
    const config = await readFile(join(harness.home.path, "config.toml"), "utf8");
    const findings = await doctor(harness, ["--turn"]);
    expect(findings.get("turn")).toMatchObject({
      status: "ok",
      title: expect.stringContaining("the model repeated its result"),
    });
    expect(await readFile(join(harness.home.path, "config.toml"), "utf8")).toBe(config);
    const made = (await filesOf(harness.home.path)).filter((name) => !before.includes(name));
    // codex creates its databases, caches and skills on its first start, whatever the command.
    expect(made.filter((name) => /rollout|plexum-thread-locks\/|config/.test(name))).toEqual([]);
    expect((await readdir(folder)).filter((name) => name.startsWith("plexum-doctor"))).toEqual([]);
    expect(existsSync(join(folder, "plexum-mcp")) ? await readdir(join(folder, "plexum-mcp")) : []).toEqual([]);
  });

  test("reports a failed turn in codex's own words", async () => {
    await using harness = await Harness.create({
      codex,
      script: [httpError(401, { error: { message: "this key is of no use" } })],
    });
    const finding = (await doctor(harness, ["--turn"])).get("turn");
    expect(finding).toMatchObject({ status: "error", title: expect.stringContaining("not_signed_in") });
    expect(finding?.title).toContain("this key is of no use");
  });

  test("reports in codex's words that codex can't read its config", async () => {
    await using harness = await Harness.create({ codex, home: { config: "not toml" } });
    expect((await doctor(harness)).get("leftover-registrations")).toMatchObject({
      status: "error",
      title: expect.stringContaining("config.toml"),
    });
  });
});

const filesOf = (path: string) => readdir(path, { recursive: true });

/** A model that follows the doctor's prompt. */
const callsTheTool: Script = (request): Reply => {
  const tool = request.toolNames.find((name) => name.endsWith(".plexum_doctor"));
  if (tool === undefined) return say("there is no such tool");
  const [output] = request.outputsOf("call_word");
  if (output === undefined) {
    const namespace = tool.replace(/\.plexum_doctor$/, "");
    return answer([functionCall("plexum_doctor", {}, { namespace, callId: "call_word" })]);
  }
  return say(/\b[0-9a-f]{8}\b/.exec(JSON.stringify(output))?.[0] ?? "no word");
};

test("codex is signed in with CODEX_API_KEY", async () => {
  await using harness = await Harness.create({ codex: newestCodex });
  const findings = await doctor(harness, [], { ...harness.env, CODEX_API_KEY: "sk-test" });
  expect(findings.get("codex-login")).toMatchObject({ status: "ok" });
});

test("a report that can't be written is not taken for a good one, unless its reader closed the pipe", async () => {
  await using harness = await Harness.create({ codex: newestCodex });
  await install(harness);
  const shell = (output: string) => {
    const command = `'${process.execPath}' '${PLUGIN}' doctor ${output}`;
    return runToEnd("bash", ["-o", "pipefail", "-c", command], harness.env);
  };
  expect(await shell("> /dev/full")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("could not be written"),
  });
  expect(await shell("| head -n 1 > /dev/null")).toMatchObject({ exitCode: 0, stderr: "" });
});

test("a turn that Ctrl-C ends leaves no files", async () => {
  await using harness = await Harness.create({ codex: newestCodex, script: callsTheTool });
  const child = spawn(process.execPath, [PLUGIN, "doctor", "--turn"], { env: harness.env, stdio: "ignore" });
  const ended = once(child, "exit");
  const workspaces = async () => (await readdir(folder)).filter((name) => name.startsWith("plexum-doctor"));
  await eventually("the turn begins", async () => (await workspaces()).length === 1, 30_000);
  child.kill("SIGINT");
  expect(await ended).toEqual([130, null]);
  expect(await workspaces()).toEqual([]);
  expect((await filesOf(harness.home.path)).filter((name) => name.includes("plexum-thread-locks/"))).toEqual([]);
});

test("a turn in which the model does not call the tool is a warning", async () => {
  await using harness = await Harness.create({ codex: newestCodex, script: [say("no, thank you")] });
  expect((await doctor(harness, ["--turn"])).get("turn")).toMatchObject({
    status: "warning",
    detail: expect.stringContaining("no, thank you"),
  });
});

describe("a fault is found and does not prevent the other checks:", () => {
  const pluginConfig = (harness: Harness) => join(harness.folder, "plugins", "plexum-openai-provider", "config.json");
  const sample = (harness: Harness, name: string) => join(harness.home.path, "sessions", "2026", "01", "02", name);
  const NAME = "rollout-2026-01-02T03-04-05-019b7c9d-dd0d-7000-8000-000000000000.jsonl";

  test.each<
    [
      name: string,
      id: string,
      status: string,
      says: string,
      /** Returns the environment for the doctor, if it differs. */
      breakIt: (harness: Harness) => Promise<unknown> | NodeJS.ProcessEnv,
    ]
  >([
    ["a config that is not JSON", "config", "error", "is not JSON", (h) => h.configure("{")],
    [
      "a config that is a folder",
      "config",
      "error",
      "EISDIR",
      async (h) => {
        await rm(pluginConfig(h));
        await mkdir(pluginConfig(h));
      },
    ],
    ["a wrong value", "config", "error", '"timeout_ms" must be', (h) => h.configure({ timeout_ms: "soon" })],
    [
      "an unknown key",
      "config",
      "warning",
      "1 unknown key",
      (h) => h.configure({ binary: newestCodex.path, tint: "red" }),
    ],
    ["no codex", "codex-found", "error", "/nowhere/codex", (h) => h.configure({ binary: "/nowhere/codex" })],
    ["an old codex", "codex-version", "error", "0.100.0", (h) => h.configure({ binary: unsupportedCodex.path })],
    ["no CODEX_HOME", "codex-home", "error", "does not exist", (h) => ({ ...h.env, CODEX_HOME: join(folder, "none") })],
    [
      "a file in place of CODEX_HOME",
      "codex-home",
      "error",
      "not a folder",
      (h) => ({ ...h.env, CODEX_HOME: pluginConfig(h) }),
    ],
    [
      "a folder of sessions that can't be written to",
      "codex-home",
      "error",
      "ENOTDIR",
      (h) => writeFile(join(h.home.path, "sessions"), ""),
    ],
    [
      "a rollout that can't be read",
      "rollouts",
      "error",
      "1 file or folder",
      async (h) => {
        await mkdir(dirname(sample(h, NAME)), { recursive: true });
        // Not even the superuser can read a link to itself.
        await symlink(NAME, sample(h, NAME));
      },
    ],
    [
      "a rollout that does not begin like one",
      "rollouts",
      "warning",
      "1 of the newest 1",
      async (h) => {
        await mkdir(dirname(sample(h, NAME)), { recursive: true });
        await writeFile(sample(h, NAME), "\ufeff{}\n");
      },
    ],
    [
      "a rollout that does not begin like one, in a day that is a link to another disk",
      "rollouts",
      "warning",
      "1 of the newest 1",
      async (h) => {
        const [day, disk] = [dirname(sample(h, NAME)), join(h.folder, "disk")];
        await mkdir(disk);
        await mkdir(dirname(day), { recursive: true });
        await symlink(disk, day);
        await writeFile(sample(h, NAME), "\ufeff{}\n");
      },
    ],
    [
      "a codex config that codex can't read",
      "codex-config",
      "error",
      "can't read its config",
      (h) => writeFile(join(h.home.path, "config.toml"), "model = ["),
    ],
    [
      "a codex config that codex can't read, so that the login is unknown",
      "codex-login",
      "warning",
      "not checked: codex can't read its config",
      (h) => writeFile(join(h.home.path, "config.toml"), "model = 7"),
    ],
    [
      "a login that can't be read",
      "codex-login",
      "warning",
      "does not say whether it is signed in",
      (h) => writeFile(join(h.home.path, "auth.json"), "{moth"),
    ],
    [
      "a codex that is found only by the PATH",
      "codex-found",
      "warning",
      "on this PATH",
      async (h) => {
        await symlink(newestCodex.path, join(folder, "codex"));
        await h.configure({});
        return { ...h.env, PATH: folder };
      },
    ],
    [
      "a file in place of the socket directory",
      "socket-directory",
      "error",
      "is not a directory",
      () => writeFile(join(folder, "plexum-mcp"), ""),
    ],
  ])("%s", async (_name, id, status, says, breakIt) => {
    await using harness = await Harness.create({ codex: newestCodex });
    const env = (await breakIt(harness)) as NodeJS.ProcessEnv | undefined;
    const findings = await doctor(harness, [], env);
    expect([...findings.keys()]).toEqual(idsWanted);
    expect(findings.get(id)).toMatchObject({ status, title: expect.stringContaining(says) });
    const { meaning, remedy } = findings.get(id) ?? {};
    for (const text of [meaning, remedy]) expect(text).toMatch(/\w/);
  });

  test("a rollout name that is not a file is skipped", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    await mkdir(sample(harness, NAME), { recursive: true });
    await promisify(execFile)("mkfifo", [sample(harness, "rollout-pipe.jsonl")]);
    expect((await doctor(harness)).get("rollouts")).toMatchObject({ status: "ok", title: "0 rollouts, 0 kB" });
  });

  test("reports many faults at once, and runs with an empty environment", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    await harness.configure("[");
    await writeFile(join(folder, "home"), "");
    const findings = await doctor(harness, ["--profile", harness.folder, "--fix", "--turn"], {
      CODEX_HOME: join(folder, "home"),
      XDG_RUNTIME_DIR: join(folder, "home"),
    });
    expect([...findings.keys()]).toEqual([...idsWanted, "turn"]);
    for (const id of ["config", "codex-found", "codex-home", "socket-directory", "turn"])
      expect(findings.get(id)?.status, id).toBe("error");
  });

  test("reports a codex that does not answer", { timeout: 60_000 }, async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    const silent = join(folder, "codex");
    await writeFile(silent, "#!/bin/sh\nexec sleep 1000\n", { mode: 0o755 });
    await harness.configure({ binary: silent });
    const findings = await doctor(harness);
    expect(findings.get("codex-found")).toMatchObject({ status: "error", title: expect.stringContaining(silent) });
    expect([...findings.keys()]).toEqual(idsWanted);
  });
});

describe("the installation", () => {
  test("is reported if it is missing, and the checks that depend on it are skipped", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    const findings = await doctor(harness);
    for (const id of ["installed", "allowed"])
      expect(findings.get(id)).toMatchObject({ status: "error", remedy: expect.stringContaining("install") });
    for (const id of ["launcher", "manifest"])
      expect(findings.get(id)).toMatchObject({ status: "warning", title: expect.stringMatching(/^not checked/) });
  });

  test.each([
    ["allowed", "lacks", (root: string) => writeFile(join(root, "plexum.json"), '{"plugins":{"allow":["other"]}}')],
    ["launcher", "EACCES", (root: string) => chmod(join(pluginIn(root), "plexum-openai-provider-plugin"), 0o644)],
    ["launcher", "exit", (root: string) => rm(join(pluginIn(root), "program"), { recursive: true })],
    [
      "manifest",
      "differs from what",
      (root: string) => writeFile(join(pluginIn(root), "manifest.json"), '{"name":"x"}'),
    ],
    ["manifest", "is not JSON", (root: string) => writeFile(join(pluginIn(root), "manifest.json"), "{")],
  ])("has a fault: %s, %s", async (id, says, breakIt) => {
    await using harness = await Harness.create({ codex: newestCodex });
    await install(harness);
    await breakIt(harness.folder);
    const finding = (await doctor(harness)).get(id);
    expect(finding).toMatchObject({ status: "error", title: expect.stringContaining(says) });
  });

  test.each([
    ["plexum.json", (root: string) => writeFile(join(root, "plexum.json"), "[] // mine")],
    ["install.json", (root: string) => writeFile(join(pluginIn(root), "install.json"), "{")],
  ])("is reported once if it can't be read because of its %s", async (name, breakIt) => {
    await using harness = await Harness.create({ codex: newestCodex });
    await install(harness);
    await breakIt(harness.folder);
    const findings = await doctor(harness);
    expect(findings.get("installed")).toMatchObject({ status: "error", title: expect.stringContaining(name) });
    for (const id of ["allowed", "launcher", "manifest"])
      expect(findings.get(id)).toMatchObject({ status: "warning", title: expect.stringMatching(/^not checked/) });
  });

  test("is reported if it is older than its config", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    await install(harness);
    await harness.configure({ binary: newestCodex.path, supported_models: ["gpt-5.5"] });
    expect((await doctor(harness)).get("manifest")).toMatchObject({ status: "error" });
    await install(harness);
    expect((await doctor(harness)).get("manifest")).toMatchObject({ status: "ok" });
  });
});

const pluginIn = (profile: string) => join(profile, "plugins", "plexum-openai-provider");

test("works with an empty PATH if the config names codex", async () => {
  await using harness = await Harness.create({ codex: newestCodex, script: callsTheTool });
  const { HOME, CODEX_HOME, PLEXUM_PROFILE_ROOT, XDG_RUNTIME_DIR, TMPDIR } = harness.env;
  const findings = await doctor(harness, ["--turn"], {
    HOME,
    CODEX_HOME,
    PLEXUM_PROFILE_ROOT,
    XDG_RUNTIME_DIR,
    TMPDIR,
  });
  for (const id of ["codex-found", "codex-version", "leftover-registrations", "turn"])
    expect(findings.get(id), id).toMatchObject({ status: "ok" });
});

describe("the output", () => {
  test("has a line for each check, the meaning and the remedy of each fault, and a summary", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    await harness.configure({ binary: "/nowhere/codex" });
    const { stdout, exitCode } = await run(harness, []);
    expect(exitCode).toBe(1);
    const lines = stdout.split("\n");
    expect(lines.filter((line) => /^(ok|warning|error) /.test(line)).map((line) => line.split(/ +/)[1])).toEqual(
      idsWanted,
    );
    // The titles are aligned in a column.
    const columns = lines
      .filter((line) => /^(ok|warning|error) /.test(line))
      .map((line) => /^\S+ +\S+ +/.exec(line)?.[0].length);
    expect(new Set(columns).size).toBe(1);
    expect(stdout).toMatch(
      /^error {4}codex-found +There is no file \/nowhere\/codex.*\n {9}means: No turn can start\.\n {9}do: {4}\w/m,
    );
    expect(lines.at(-2)).toMatch(/^\d+ checked: \d+ ok, \d+ warnings?, \d+ errors?/);
  });

  test("has no text from a file that moves the cursor, as text or as JSON", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    await harness.configure({ binary: newestCodex.path, "\u001b[2J\u009b31m\u202ered": 1 });
    for (const args of [[], ["--json"]]) {
      const { stdout } = await run(harness, args);
      expect(stdout).toContain("red");
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }
  });

  test.each([["--dance"], ["now"], ["--profile"]])("doctor %s is refused with exit code 2", async (arg) => {
    await using harness = await Harness.create({ codex: newestCodex });
    expect(await run(harness, [arg])).toEqual({ stdout: "", stderr: expect.stringContaining("usage:"), exitCode: 2 });
  });
});

describe("--fix", () => {
  /** Checks that the doctor finds the fault, repairs it, and no longer finds it. */
  async function repairs(harness: Harness, id: string, what: string) {
    const found = (await doctor(harness)).get(id);
    expect(found).toMatchObject({ fixable: true });
    expect(`${found?.title}\n${found?.detail}`).toContain(what);
    const fixed = (await doctor(harness, ["--fix"])).get(id);
    expect(fixed).toMatchObject({ status: "ok", fixed: true });
    const after = (await doctor(harness)).get(id);
    expect(after).toMatchObject({ status: "ok" });
    expect(after).not.toHaveProperty("fixable");
  }

  test("closes a socket directory that is open to others", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    await mkdir(join(folder, "plexum-mcp"), { mode: 0o755 });
    await chmod(join(folder, "plexum-mcp"), 0o755);
    await repairs(harness, "socket-directory", "chmod 700");
    expect((await stat(join(folder, "plexum-mcp"))).mode & 0o777).toBe(0o700);
  });

  test("closes a CODEX_HOME that other users can read", async () => {
    // Not in the test's own folder, which is closed.
    const parent = await mkdtemp("/tmp/doctor-open-");
    onTestFinished(() => rm(parent, { recursive: true, force: true }));
    await using harness = await Harness.create({ codex: newestCodex, home: { parent } });
    for (const path of [parent, harness.home.path]) await chmod(path, 0o755);
    await repairs(harness, "codex-home-private", harness.home.path);
    expect((await stat(harness.home.path)).mode & 0o777).toBe(0o750);
  });

  test("leaves a CODEX_HOME alone that is below a closed folder", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    const inner = join(harness.home.path, "inner");
    await mkdir(inner);
    await chmod(inner, 0o755);
    const findings = await doctor(harness, [], { ...harness.env, CODEX_HOME: inner });
    expect(findings.get("codex-home-private")).toMatchObject({ status: "ok" });
  });

  test("removes unwanted servers from codex's config", async () => {
    const toolCall = functionCall("lookup", {}, { namespace: "mcp__plexum_host_alice" });
    await using harness = await Harness.create({
      codex: newestCodex,
      config: { mcp_registration: "global" },
      script: [answer([toolCall]), say("done")],
    });
    await turn(await harness.plugin(host().handlers), withTools(harness, "go"));
    // Now the config wants the servers.
    expect((await doctor(harness)).get("leftover-registrations")).toMatchObject({ status: "ok" });
    await harness.configure({ binary: newestCodex.path });
    await repairs(harness, "leftover-registrations", "plexum-host-alice");
  });

  const HANGING = { codex: newestCodex, config: { transport: "exec" }, script: [{ kind: "hang" } as const] };

  /** Starts a turn with an image and tools whose model never answers. `ending` resolves in any case. */
  async function hangingTurn(harness: Harness) {
    const plugin = await harness.plugin(host().handlers);
    const ending = turn(plugin, withTools(harness, "go", true)).catch((error: unknown) => error);
    await eventually("codex asks the model", () => harness.model.requests.length > 0);
    return { plugin, ending };
  }

  test("ends and removes the leftovers of a plugin that was killed together with its guard", async () => {
    await using harness = await Harness.create(HANGING);
    const { plugin, ending } = await hangingTurn(harness);
    const codex = pidOfCodex(harness);
    const images = await imagesOf(plugin);
    for (const guard of guardsOf(plugin)) process.kill(guard, "SIGKILL");
    process.kill(plugin.pid as number, "SIGKILL");
    await ending;
    expect(isAlive(codex)).toBe(true);
    const socket = bridgeSocketPath("alice");
    expect((await doctor(harness)).get("leftover-sockets")?.detail).toContain(socket);
    await repairs(harness, "leftover-processes", String(codex));
    expect(isAlive(codex)).toBe(false);
    expect(existsSync(socket)).toBe(false);

    expect(existsSync(images)).toBe(true);
    await anHourAgo(images);
    await rm(join(harness.home.path, "sessions"), { recursive: true });
    await eventually("the lock is old enough", async () => {
      const found = (await doctor(harness)).get("leftover-thread-locks");
      return found?.fixable;
    });
    expect((await doctor(harness)).get("leftover-images")?.detail).toContain(images);
    const after = await doctor(harness, ["--fix"]);
    for (const id of ["leftover-thread-locks", "leftover-images"])
      expect(after.get(id)).toMatchObject({ status: "ok", fixed: true });
    expect(existsSync(images)).toBe(false);
    expect(await readdir(join(harness.home.path, "plexum-thread-locks"))).toEqual([]);
  });

  test("is not needed for the socket and the images of a killed plugin: the next plugin removes them", async () => {
    await using harness = await Harness.create(HANGING);
    const { plugin, ending } = await hangingTurn(harness);
    const [codex, images, socket] = [pidOfCodex(harness), await imagesOf(plugin), bridgeSocketPath("alice")];
    expect(existsSync(socket)).toBe(true);
    process.kill(plugin.pid as number, "SIGKILL");
    await ending;
    await eventually("the watchdog ends codex", () => !isAlive(codex));
    await anHourAgo(images);
    await harness.plugin();
    await eventually("both are gone", () => !existsSync(socket) && !existsSync(images));
  });

  test("finishes a killed mutation", async () => {
    await using harness = await Harness.create({
      codex: newestCodex,
      script: [answer([shell("seq 2000", { callId: "call_seq" })]), say("done")],
    });
    await turn(await harness.plugin(), harness.request("go"));
    const rollout = join(
      harness.home.path,
      (await filesOf(harness.home.path)).find((name) => name.endsWith(".jsonl") && name.includes("rollout-")) as string,
    );
    await killMutation(rollout, "call_seq");
    await repairs(harness, "leftover-mutations", rollout);
    expect(readdirSync(dirname(rollout)).filter((name) => name.endsWith(".redo"))).toEqual([]);
  });

  test.each(TRANSPORTS)("does not touch anything that a running turn by %s uses", async (transport) => {
    const callId = "call_wait";
    await using harness = await Harness.create({
      codex: newestCodex,
      config: { transport },
      script: [
        answer([functionCall("lookup", {}, { namespace: "mcp__plexum_host_alice", callId })]),
        answer([functionCall("lookup", {}, { namespace: "mcp__plexum_host_alice" })]),
        say("done"),
      ],
    });
    const { handlers, calls, release } = host(true);
    const plugin = await harness.plugin(handlers);
    const running = turn(plugin, withTools(harness, "go", true));
    await eventually("the tool is called", () => calls.length > 0);
    await anHourAgo(await imagesOf(plugin));
    // By app-server, the host's tools are offered without a socket.
    const hasSocket = transport === "exec";
    if (hasSocket) await anHourAgo(bridgeSocketPath("alice"));
    for (let round = 0; round < 3; round++) {
      const findings = await doctor(harness, ["--fix"]);
      const repaired = [...findings.values()].filter(({ id, fixed }) => fixed && id !== "leftover-sockets");
      expect(repaired).toEqual([]);
    }
    expect(existsSync(bridgeSocketPath("alice"))).toBe(hasSocket);
    release();
    expect(await running).toMatchObject({ text: "done", end: { stop_reason: "end_turn" }, error: undefined });
    expect(calls).toHaveLength(2);
    expect(harness.warnings().filter((text) => /tool|socket|bridge/i.test(text))).toEqual([]);
  });

  test.each(TRANSPORTS)(
    "does not disturb turns by %s that start and end concurrently",
    { timeout: 120_000 },
    async (transport) => {
      await using harness = await Harness.create({
        codex: newestCodex,
        config: { transport },
        script: (request) =>
          request.continuesTurn
            ? say("done")
            : answer([functionCall("lookup", {}, { namespace: "mcp__plexum_host_alice" })]),
      });
      const { handlers, calls } = host();
      const plugin = await harness.plugin(handlers);
      let isOver = false;
      let looks = 0;
      const turns = (async () => {
        let count = 0;
        // On a busy machine a doctor may take longer than some turns.
        for (; count < 12 || (looks < 3 && count < 200); count++)
          expect(await turn(plugin, withTools(harness, "go", true))).toMatchObject({ text: "done", error: undefined });
        return count;
      })().finally(() => {
        isOver = true;
      });
      for (; !isOver; looks++) await doctor(harness, ["--fix"]);
      const count = await turns;
      expect(looks).toBeGreaterThan(2);
      expect(calls).toHaveLength(count);
      expect(harness.warnings().filter((text) => /tool|socket|bridge/i.test(text))).toEqual([]);
    },
  );
});

/** A host with a tool that answers, or waits until its signal is aborted. */
function host(waits = false) {
  const calls: string[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    calls,
    release: () => release(),
    handlers: {
      async callTool({ name }: { name: string }) {
        calls.push(name);
        if (waits) await released;
        return { content: [{ type: "text" as const, text: "found" }] };
      },
    },
  };
}

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

const withTools = (harness: Harness, prompt: string, image = false): StreamRequest =>
  harness.request(prompt, {
    request: {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: prompt },
            ...(image ? [{ type: "image" as const, data_base64: PIXEL, media_type: "image/png" }] : []),
          ],
        },
      ],
      tools: [{ name: "lookup", input_schema: { type: "object" } }],
    },
  });

const pidOfCodex = (harness: Harness) =>
  harness.logs.find(({ message }) => message === "codex started")?.fields.pid as number;

/** The folder with the images that the plugin has staged. */
async function imagesOf({ pid }: ConnectedPlugin): Promise<string> {
  const [name] = (await readdir(folder)).filter((found) => found.startsWith(`codex-images-${pid}-`));
  return join(folder, name ?? "none");
}

const anHourAgo = (path: string) => utimes(path, Date.now() / 1000 - 3600, Date.now() / 1000 - 3600);

/** The shells that would become the watchdog. */
const guardsOf = ({ pid }: ConnectedPlugin) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .map(Number)
    .filter((child) => readFileSync(`/proc/${child}/comm`, "utf8") === "sh\n");

/** Kills mutations until one leaves a journal. */
async function killMutation(rollout: string, callId: string): Promise<void> {
  const program = `import { mutateRollout } from ${JSON.stringify(import.meta.resolve("@plexum/rollout"))};
    console.log("ready");
    for (let n = 0; ; n++) await mutateRollout(${JSON.stringify(rollout)}, [{ callId: ${JSON.stringify(callId)}, output: "...".repeat(n % 7 + 1) }]);`;
  const hasJournal = () => readdirSync(dirname(rollout)).some((name) => name.endsWith(".redo"));
  for (let attempt = 0; attempt < 100; attempt++) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    for (let look = 0; look < 100_000 && !hasJournal(); look++);
    child.kill("SIGKILL");
    await once(child, "exit");
    if (hasJournal()) return;
  }
  throw new Error("no kill left a journal");
}
