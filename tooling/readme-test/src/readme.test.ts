import { join } from "node:path";
import { notRun, testReadme } from "./index.ts";

const root = join(import.meta.dirname, "..");

testReadme(
  join(root, "README.md"),
  { "readme.test.ts": notRun("it makes tests, as this file does") },
  { packages: ["@plexum/readme-test"] },
);
