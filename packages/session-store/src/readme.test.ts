import { join } from "node:path";
import { installsPackage, testReadme } from "@plexum/readme-test";
import { expect } from "vitest";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";
const root = join(import.meta.dirname, "..");

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "turn.ts": async (block) => {
    const env = { ...process.env, CODEX_HOME: join(block.folder, "codex-home") };
    expect((await block.run({ env })).stdout).toBe("");
    expect((await block.run({ env })).stdout).toBe(`resuming ${ID}\n`);
  },
});
