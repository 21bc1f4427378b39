import { join } from "node:path";
import { testReadme } from "@plexum/readme-test";
import { expect } from "vitest";

testReadme(
  join(import.meta.dirname, "../README.md"),
  {
    "model.ts": async (block) => {
      expect((await block.run()).stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1\n$/);
    },
  },
  { packages: ["@plexum/scripted-model"] },
);
