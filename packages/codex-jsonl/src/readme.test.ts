import { delimiter, dirname, join } from "node:path";
import { installsPackage, testReadme } from "@plexum/readme-test";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, ScriptedModel, say, shell } from "@plexum/scripted-model";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "codex.ts": async (block) => {
    await using model = await ScriptedModel.start([answer([shell("true")]), say("Nothing.")]);
    await using home = await CodexHome.create({ baseUrl: model.baseUrl });
    const env = { ...home.env, PATH: [dirname(newestCodex.path), process.env.PATH].join(delimiter) };
    const { stdout } = await block.run({ env });
    expect(stdout).toMatch(/^thread [0-9a-f-]{36}\n\$ .*true'? → 0\nNothing\.\n$/);
    expect(model.requests[0]?.userTexts).toContain("What is in this folder?");
  },
  "push-parser.ts": async (block) => {
    expect((await block.run()).stdout).toBe("turn.started\n");
  },
  "stream.ts": async (block) => {
    expect((await block.run()).stdout).toBe("turn.started\n");
  },
  "schema.ts": async (block) => {
    expect((await block.run()).stdout).toBe("turn.completed\n");
  },
});
