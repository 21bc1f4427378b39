import { join } from "node:path";
import { installsPackage, notRun, testReadme } from "@plexum/readme-test";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "server.ts": notRun("client.ts starts it"),
  "client.ts": async (block) => {
    expect((await block.run()).stdout).toBe("{ quotient: 0.25 }\n-32602 b: must not be 0\n");
  },
});
