import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Block, namesWhatIsThere, testReadme } from "@plexum/readme-test";
import { expect } from "vitest";

const MAIN = join(import.meta.dirname, "../src/main.ts");

testReadme(join(import.meta.dirname, "../README.md"), {
  "start.sh": async (block: Block) => {
    namesWhatIsThere(block);
    const { stdout: help } = await promisify(execFile)(process.execPath, [MAIN, "--help"]);
    for (const flag of block.text.match(/--[a-z]+/g) ?? []) expect(help).toContain(flag);
  },
  "without-npm-start.sh": namesWhatIsThere,
});
