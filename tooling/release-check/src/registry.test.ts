import { globSync } from "node:fs";
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installedNames } from "@plexum/readme-test";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Consumer, consumerNode, entriesOf, exportsSeen, importingProgram } from "./consumer.ts";
import type { LocalRegistry } from "./local-registry.ts";
import { publishAll } from "./publish-all.ts";
import { run } from "./run.ts";
import { readSizes } from "./sizes.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { type Manifest, publicPackages, repository } from "./workspace-packages.ts";

const packages = await publicPackages();
const names = packages.map(({ name }) => name);
const stack = new AsyncDisposableStack();
let folder: string;
let registry: LocalRegistry;

// Long, for a busy machine. On an idle one, no test takes half a minute.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000, maxConcurrency: 2 });

beforeAll(async () => {
  folder = stack.use(await temporaryFolder()).path;
  registry = stack.use(await publishAll(folder));
});
afterAll(() => stack.disposeAsync());

test("a publish without the credential is refused", async () => {
  const response = await fetch(`${registry.url}@plexum%2fjsonl`, { method: "PUT", body: "{}" });
  expect(response.status).toBe(401);
});

test.each(packages)("$name is in the registry, at its version", async ({ name, manifest }) => {
  const response = await fetch(registry.url + name.replace("/", "%2f"));
  const published = (await response.json()) as { "dist-tags": object; versions: Record<string, Manifest> };
  expect(Object.keys(published.versions)).toEqual([manifest.version]);
  expect(published["dist-tags"]).toEqual({ latest: manifest.version });
});

describe.each(["npm", "pnpm"] as const)("all packages, installed by %s", (installer) => {
  let consumer: Consumer;

  beforeAll(async () => {
    const at = join(folder, `all by ${installer}`);
    consumer = await Consumer.install(at, registry.env, installer, [...names, "@types/node@24"]);
  });

  test("each entry exports what its source exports", async () => {
    for (const { name, folder: source } of packages) {
      const entries = entriesOf(await consumer.manifest(name));
      const seen = await exportsSeen(consumerNode, consumer.folder, consumer.env, entries);
      expect(seen).toEqual(await exportsSeen(process.execPath, source, consumer.env, entries));
    }
  });

  test.each(["node16", "bundler"] as const)("TypeScript reports no error with %s", async (moduleResolution) => {
    const manifests = await Promise.all(names.map((name) => consumer.manifest(name)));
    await writeFile(join(consumer.folder, "all.ts"), importingProgram(manifests.flatMap(entriesOf)));
    expect(await consumer.typeErrors("all.ts", moduleResolution)).toBe("");
  });

  test("the plugin installs itself into a profile, and runs a turn with codex however it is started", async () => {
    await using model = await ScriptedModel.start(() => say("hello from the model"));
    await using home = await CodexHome.create({ baseUrl: model.baseUrl });
    const profile = join(consumer.folder, "a profile");
    await copyFile(fileURLToPath(new URL("host-program.mjs", import.meta.url)), join(consumer.folder, "host.mjs"));

    const { bin = {}, version } = await consumer.manifest("plexum-openai-provider");
    const PATH = `${dirname(consumerNode)}${delimiter}${consumer.env.PATH}`;
    const env = { ...consumer.env, PATH, CODEX_HOME: home.path, PLEXUM_PROFILE_ROOT: profile };
    const options = { cwd: consumer.folder, env };
    const program = (name: string) => join(consumer.folder, "node_modules", ".bin", name);
    await run(program("plexum-openai-provider"), ["install", "--codex", newestCodex.path], options);

    const installed = join(profile, "plugins", "plexum-openai-provider", "plexum-openai-provider-plugin");
    for (const command of [...Object.keys(bin).map(program), installed]) {
      const args = ["host.mjs", command, join(profile, "workspace"), "hello"];
      const { manifest, events } = JSON.parse(await run(consumerNode, args, options));
      expect(manifest).toMatchObject({ name: "plexum-openai-provider", version });
      expect(Object.keys(bin)).toContain(manifest.executable);
      expect(events).toContainEqual(expect.objectContaining({ type: "text_delta", text: "hello from the model" }));
      expect(events.at(-1)).toMatchObject({ type: "message_end", stop_reason: "end_turn" });
      expect(model.lastRequest.prompt).toBe("hello");
    }
  });
});

describe.concurrent.each(packages)("$name alone, with only what it declares", ({ name, path, folder: source }) => {
  let consumer: Consumer;

  beforeAll(async () => {
    const at = join(folder, "alone", name.replace("/", "-"));
    // What its README says to install: the package, and sometimes one of its dependencies.
    const asked = installedNames(await readFile(join(source, "README.md"), "utf8"));
    consumer = await Consumer.install(at, registry.env, "pnpm", [...new Set([name, ...asked])]);
  });

  test("each entry can be imported", async () => {
    const manifest = await consumer.manifest(name);
    const entries = entriesOf(manifest);
    const seen = await exportsSeen(consumerNode, consumer.folder, consumer.env, entries);
    expect(seen).toEqual(await exportsSeen(process.execPath, source, consumer.env, entries));
    for (const program of Object.values(manifest.bin ?? {}))
      await run(consumerNode, ["--check", join("node_modules", name, program)], {
        cwd: consumer.folder,
        env: consumer.env,
      });
  });

  test("as many packages are installed as docs/package-sizes.md says", async () => {
    const stored = await readdir(join(consumer.folder, "node_modules", ".pnpm"));
    const installed = stored.filter((folder) => folder.lastIndexOf("@") > 0);
    expect(installed).toHaveLength((await readSizes()).find((size) => size.name === name)?.packages ?? 0);
  });

  test("its README's examples run", async () => {
    const files = globSync(`${path}/{src,test}/readme.test.ts`, { cwd: repository });
    expect(files, `${path} has no readme.test.ts that runs its README`).toHaveLength(1);
    const report = join(consumer.folder, "report.json");
    const vitest = ["exec", "vitest", "run", "--reporter=json", `--outputFile=${report}`, ...files];
    const env = { ...consumer.env, PLEXUM_INSTALLED: consumer.folder };
    await run("pnpm", vitest, { cwd: repository, env });
    expect(JSON.parse(await readFile(report, "utf8")).numPassedTests).toBeGreaterThan(0);
  });
});
