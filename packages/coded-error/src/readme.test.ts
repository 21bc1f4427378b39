import { join } from "node:path";
import { installsPackage, testReadme } from "@plexum/readme-test";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "store.ts": async (block) => {
    expect((await block.run()).stdout).toBe("full: Free some space and try again.\n");
  },
});
