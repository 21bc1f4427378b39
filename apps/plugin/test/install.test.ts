import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { oldestCodex, unsupportedCodex } from "@plexum/codex-versions";
import { connectPlugin, type HostToolCall, manifestSchema } from "@plexum/plugin-sdk";
import { newestCodex } from "@plexum/real-codex";
import { answer, functionCall, say } from "@plexum/scripted-model";
import { expect, test } from "vitest";
import { Harness, PLUGIN, turn, user } from "./harness.ts";

const NAME = "plexum-openai-provider";

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Creates a profile, a home and a folder on the PATH, all with a space in their names. */
async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), "plexum install "));
  const [profile, home, bin] = ["profile", "home", "bin"].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [profile, home, bin]) await mkdir(path);
  const plugin = join(profile, "plugins", NAME);
  const env = { HOME: home, CODEX_HOME: join(home, ".codex"), PATH: bin, PLEXUM_PROFILE_ROOT: profile };
  return {
    folder,
    profile,
    home,
    bin,
    plugin,
    env,
    launcher: join(plugin, `${NAME}-plugin`),
    config: async () => JSON.parse(await readFile(join(plugin, "config.json"), "utf8")),
    run: (args: string[], more: NodeJS.ProcessEnv = {}) =>
      new Promise<Ended>((resolve) => {
        execFile(process.execPath, [PLUGIN, ...args], { env: { ...env, ...more } }, (error, stdout, stderr) =>
          resolve({ exitCode: Number(error?.code ?? 0), stdout, stderr }),
        );
      }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const namesIn = (folder: string) => readdir(folder, { recursive: true }).then((names) => names.sort());

test("an installed plugin runs a turn with a host tool and an empty PATH", async () => {
  await using at = await setUp();
  await using harness = await Harness.create({
    codex: newestCodex,
    script: [
      answer([functionCall("lookup", {}, { namespace: "mcp__plexum_host_alice", callId: "call_1" })]),
      say("done"),
    ],
  });
  await symlink(newestCodex.path, join(at.bin, "codex"));
  // Without its home, codex reports that instead of its login.
  await mkdir(at.env.CODEX_HOME);
  const { stdout, stderr, exitCode } = await at.run(["install"]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout).toContain(`codex ${newestCodex.version}, not signed in`);
  expect(stdout).toContain(`\nCheck the installation: "${at.launcher}" doctor\n`);
  expect(await at.config()).toEqual({ binary: join(at.bin, "codex") });
  const allowed = JSON.parse(await readFile(join(at.profile, "plexum.json"), "utf8"));
  expect(allowed).toEqual({ plugins: { allow: [NAME] } });

  const calls: HostToolCall[] = [];
  const { HOME, CODEX_HOME } = harness.home.env;
  const plugin = await connectPlugin({
    command: at.launcher,
    env: { HOME, CODEX_HOME, PATH: "" },
    async callTool(call) {
      calls.push(call);
      return { content: [{ type: "text", text: "found" }] };
    },
  });
  try {
    const manifest = JSON.parse(await readFile(join(at.plugin, "manifest.json"), "utf8"));
    expect(manifestSchema.parse(manifest)).toEqual(plugin.manifest);
    const tools = [{ name: "lookup", description: "looks up", input_schema: { type: "object" } }];
    const { text, end } = await turn(plugin, harness.request("go", { request: { messages: [user("go")], tools } }));
    expect([text, end.stop_reason]).toEqual(["done", "end_turn"]);
    expect(calls.map(({ name }) => name)).toEqual(["lookup"]);
  } finally {
    await plugin.close();
  }
});

test("a second install changes nothing, and uninstall leaves nothing behind", async () => {
  await using at = await setUp();
  const before = await namesIn(at.folder);
  expect((await at.run(["install", "--codex", newestCodex.path])).exitCode).toBe(0);
  const second = await at.run(["install"]);
  expect(second).toMatchObject({
    exitCode: 0,
    stderr: "",
    stdout: expect.stringContaining("Everything is up to date"),
  });
  expect(second.stdout).not.toMatch(/ (created|changed) /);
  const { exitCode, stdout } = await at.run(["uninstall"]);
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining("was removed from")]);
  expect(await namesIn(at.folder)).toEqual(before);
});

test("the installed launcher can install, too: into another profile, and into its own", async () => {
  await using at = await setUp();
  await at.run(["install", "--codex", newestCodex.path]);
  const again = (args: string[]) =>
    new Promise<string>((resolve, reject) => {
      execFile(at.launcher, args, { env: { HOME: at.home } }, (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      );
    });
  expect(await again(["install"])).toContain("Everything is up to date");
  const other = join(at.folder, "other");
  await again(["install", "--profile", other, "--codex", newestCodex.path]);
  expect(await namesIn(join(other, "plugins", NAME, "program"))).toEqual(await namesIn(join(at.plugin, "program")));
});

test("a project's codex, which npx puts on the PATH, is skipped", async () => {
  await using at = await setUp();
  const project = join(at.folder, "project", "node_modules", ".bin");
  await mkdir(project, { recursive: true });
  await symlink(oldestCodex.path, join(project, "codex"));
  await symlink(newestCodex.path, join(at.bin, "codex"));
  await at.run(["install"], { PATH: [project, at.bin].join(delimiter) });
  expect(await at.config()).toEqual({ binary: join(at.bin, "codex") });
});

test("codex is found in the usual places without a PATH", async () => {
  await using at = await setUp();
  await mkdir(join(at.home, ".local", "bin"), { recursive: true });
  await symlink(newestCodex.path, join(at.home, ".local", "bin", "codex"));
  await at.run(["install"], { PATH: "" });
  expect(await at.config()).toEqual({ binary: join(at.home, ".local", "bin", "codex") });
});

test("a configured codex is kept while it exists, and replaced when it no longer exists", async () => {
  await using at = await setUp();
  const configured = join(at.folder, "my-codex");
  await symlink(newestCodex.path, configured);
  await symlink(newestCodex.path, join(at.bin, "codex"));
  await mkdir(at.plugin, { recursive: true });
  const config = `{ "timeout_ms": 1000, "binary": ${JSON.stringify(configured)}  }`;
  await writeFile(join(at.plugin, "config.json"), config);
  await at.run(["install"]);
  expect(await readFile(join(at.plugin, "config.json"), "utf8")).toBe(config);
  await rm(configured);
  const { stdout } = await at.run(["install"]);
  expect(stdout).toContain(`The codex in the config, ${configured}, no longer exists`);
  expect(await at.config()).toEqual({ timeout_ms: 1000, binary: join(at.bin, "codex") });
});

test("the manifest matches the config", async () => {
  await using at = await setUp();
  await mkdir(at.plugin, { recursive: true });
  await writeFile(join(at.plugin, "config.json"), '{"supported_models": ["codex", "gpt-5.5"], "session_tools": false}');
  await at.run(["install", "--codex", newestCodex.path]);
  expect(JSON.parse(await readFile(join(at.plugin, "manifest.json"), "utf8")).contracts).toEqual({
    provider: { models: ["codex", "gpt-5.5"] },
  });
});

test.each([
  ["no codex", [], {}, '"codex" is not in any folder'],
  ["a codex that does not exist", ["--codex", "/nonexistent/codex"], {}, "There is no file /nonexistent/codex"],
  ["a codex that is too old", ["--codex", unsupportedCodex.path], {}, "the oldest supported version is"],
  ["a program that is not codex", ["--codex", process.execPath], {}, "does not answer --version as codex does"],
  ["a config that is not JSON", ["--codex", newestCodex.path], { config: "binary" }, "config.json is not JSON"],
  [
    "a config with a wrong key",
    ["--codex", newestCodex.path],
    { config: '{"timeout_ms": "1h"}' },
    '"timeout_ms" must be',
  ],
  ["a plexum.json that is not JSON", ["--codex", newestCodex.path], { settings: "{" }, "plexum.json can't be used"],
  ["an unknown flag", ["--codx", "x"], {}, "usage: plexum-openai-provider install"],
])(
  "with %s, nothing is installed and the message says why",
  async (_name, args, files: { config?: string; settings?: string }, said) => {
    await using at = await setUp();
    if (files.config !== undefined) await mkdir(at.plugin, { recursive: true });
    if (files.config !== undefined) await writeFile(join(at.plugin, "config.json"), files.config);
    if (files.settings !== undefined) await writeFile(join(at.profile, "plexum.json"), files.settings);
    const before = await namesIn(at.folder);
    const { exitCode, stdout, stderr } = await at.run(["install", ...args]);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: "", stderr: expect.stringContaining(said) });
    expect(await namesIn(at.folder)).toEqual(before);
  },
);

test("uninstall removes its servers from codex's own config, and its files from the cache folder", async () => {
  await using at = await setUp();
  await using harness = await Harness.create({ codex: newestCodex, script: [say("done")] });
  await mkdir(at.plugin, { recursive: true });
  await writeFile(join(at.plugin, "config.json"), '{"mcp_registration": "global"}');
  await at.run(["install", "--codex", newestCodex.path]);
  const { HOME = "", CODEX_HOME = "", XDG_RUNTIME_DIR = "" } = harness.home.env;
  const before = await readFile(join(CODEX_HOME, "config.toml"), "utf8");
  const plugin = await connectPlugin({ command: at.launcher, env: { HOME, CODEX_HOME, XDG_RUNTIME_DIR, PATH: "" } });
  const tools = [{ name: "lookup", description: "looks up", input_schema: { type: "object" } }];
  await turn(plugin, harness.request("go", { request: { messages: [user("go")], tools } }));
  await plugin.close();
  expect(await readFile(join(CODEX_HOME, "config.toml"), "utf8")).toContain(at.plugin);
  expect(await namesIn(HOME)).toContain(join(".cache", "plexum-codex"));

  const { exitCode, stdout } = await at.run(["uninstall"], { HOME, CODEX_HOME, XDG_RUNTIME_DIR });
  expect([exitCode, stdout]).toEqual([
    0,
    expect.stringContaining("Removed from codex's own config: plexum-host-alice"),
  ]);
  const after = await readFile(join(CODEX_HOME, "config.toml"), "utf8");
  expect(after).not.toContain("plexum-host");
  expect(after.length).toBe(before.length);
  expect(await namesIn(HOME)).not.toContain(join(".cache", "plexum-codex"));
});

test("uninstall reports that it could not check for servers", async () => {
  await using at = await setUp();
  await mkdir(at.plugin, { recursive: true });
  await writeFile(join(at.plugin, "config.json"), '{"mcp_registration": "global"}');
  const codex = join(at.folder, "codex");
  await symlink(newestCodex.path, codex);
  await at.run(["install", "--codex", codex]);
  await rm(codex);
  const { exitCode, stdout } = await at.run(["uninstall"]);
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining("codex's own config could not be checked")]);
});

test("all subcommands with --profile refuse an empty one, such as from an unset variable in a script", async () => {
  await using at = await setUp();
  const before = await namesIn(at.folder);
  for (const subcommand of ["install", "uninstall", "doctor"]) {
    const { exitCode, stderr } = await at.run([subcommand, "--profile", ""]);
    expect([exitCode > 0, stderr]).toEqual([true, expect.stringContaining("--profile is empty")]);
  }
  expect(await namesIn(at.folder)).toEqual(before);
});

test("uninstall says if nothing was installed", async () => {
  await using at = await setUp();
  const { exitCode, stderr } = await at.run(["uninstall", "--profile", at.profile]);
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining("was not installed there")]);
});

test.each(["install", "uninstall", "sessions", "mcp-unregister"])("%s has --help", async (subcommand) => {
  await using at = await setUp();
  const { exitCode, stdout, stderr } = await at.run([subcommand, "--help"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(new RegExp(`^usage: plexum-openai-provider ${subcommand}`));
});

test("help and the version are printed, and help lists each subcommand", async () => {
  await using at = await setUp();
  const { stdout } = await at.run(["--help"]);
  for (const subcommand of ["install", "uninstall", "doctor", "sessions", "mcp-unregister"])
    expect(stdout).toContain(`\n  ${subcommand} `);
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  expect((await at.run(["--version"])).stdout).toBe(`${version}\n`);
});

test("an older Node gets a message with the required version", async () => {
  await using at = await setUp();
  const older = join(at.folder, "older.mjs");
  await writeFile(
    older,
    'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } });\n',
  );
  const { exitCode, stderr } = await at.run(["install"], { NODE_OPTIONS: `--import "${older}"` });
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining("needs Node 22.18 or later, but this is 20.20.2")]);
});

test("the program runs through a link, as npm creates it", async () => {
  await using at = await setUp();
  const dist = join(at.folder, "copy");
  await mkdir(dist);
  const built = join(PLUGIN, "..");
  for (const name of await readdir(built)) await copyFile(join(built, name), join(dist, name));
  await writeFile(join(dist, "package.json"), '{"type":"module"}');
  expect((await stat(PLUGIN)).mode & 0o111).not.toBe(0);
  await symlink(join(dist, "main.js"), join(at.bin, NAME));
  await symlink(process.execPath, join(at.bin, "node"));
  await symlink(newestCodex.path, join(at.bin, "codex"));
  const { exitCode } = await new Promise<{ exitCode: number }>((resolve) => {
    const env = { ...at.env, PATH: [at.bin, "/usr/bin", "/bin"].join(delimiter) };
    execFile(join(at.bin, NAME), ["install"], { env }, (error) => resolve({ exitCode: Number(error?.code ?? 0) }));
  });
  expect(exitCode).toBe(0);
});
