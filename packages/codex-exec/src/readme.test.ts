import { execFile } from "node:child_process";
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Block, installsPackage, testReadme } from "@plexum/readme-test";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, ScriptedModel, say, shell } from "@plexum/scripted-model";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");
const TSUP = join(root, "node_modules", "tsup", "dist", "cli-default.js");

/** Runs a program where `codex` is the real one, and the model says what the README's example needs. */
async function runWithCodex(block: Block): Promise<string> {
  await using model = await ScriptedModel.start([answer([shell("ls")]), say("It is for trying things out.")]);
  await using home = await CodexHome.create({ baseUrl: model.baseUrl });
  const env = { ...home.env, PATH: [dirname(newestCodex.path), process.env.PATH].join(delimiter) };
  return (await block.run({ env })).stdout;
}

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "turn.ts": async (block) => {
    expect(await runWithCodex(block)).toMatch(
      /^\$ .*ls'?\nIt is for trying things out\.\nthread [0-9a-f-]{36} has used 200 input tokens\n$/,
    );
  },
  "probe.ts": async (block) => {
    expect(await runWithCodex(block)).toBe(`${newestCodex.path} ${newestCodex.version} not signed in\n`);
  },
  "watchdog.js": async (block) => {
    await expect(block.run()).rejects.toThrow("usage: watchdog <owner marker>");
  },
  "tsup.config.js": async (block) => {
    await mkdir(join(block.folder, "src"));
    for (const [from, to] of Object.entries({ "turn.ts": "main.ts", "watchdog.js": "watchdog.ts" }))
      await copyFile(join(block.folder, from), join(block.folder, "src", to));
    await promisify(execFile)(process.execPath, [TSUP, "--config", block.path], { cwd: block.folder });
    expect(await readdir(join(block.folder, "dist"))).toEqual(expect.arrayContaining(["main.js", "watchdog.js"]));
    await expect(promisify(execFile)(process.execPath, [join(block.folder, "dist", "watchdog.js")])).rejects.toThrow(
      "usage: watchdog <owner marker>",
    );
  },
});
