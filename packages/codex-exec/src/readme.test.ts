import { delimiter, dirname, join } from "node:path";
import { type Block, installsPackage, testReadme } from "@plexum/readme-test";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, ScriptedModel, say, shell } from "@plexum/scripted-model";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

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
});
