import { delimiter, dirname, join } from "node:path";
import { installsPackage, testReadme } from "@plexum/readme-test";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "turns.ts": async (block) => {
    await using model = await ScriptedModel.start([say("Hello."), say("Hello again.")]);
    await using home = await CodexHome.create({ baseUrl: model.baseUrl });
    const env = { ...home.env, PATH: [dirname(newestCodex.path), process.env.PATH].join(delimiter) };
    expect((await block.run({ env })).stdout).toBe("codex started\nHello.\non the kept codex\nHello again.\n");
  },
});
