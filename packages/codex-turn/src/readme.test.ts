import { delimiter, dirname, join } from "node:path";
import { installsPackage, testReadme } from "@plexum/readme-test";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "probe.ts": async (block) => {
    await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1" });
    const env = { ...home.env, PATH: [dirname(newestCodex.path), process.env.PATH].join(delimiter) };
    expect((await block.run({ env })).stdout).toBe(`${newestCodex.path} ${newestCodex.version} signed_out\n`);
  },
  "texts.ts": async (block) => {
    expect((await block.run()).stdout).toBe("Hello, world\nA message without deltas\n");
  },
});
