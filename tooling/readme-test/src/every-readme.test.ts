import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { fences } from "./fences.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** The tests of READMEs without a test beside them. */
const ELSEWHERE: Record<string, string> = { "README.md": "apps/plugin/test/root-readme.test.ts" };

test("every README that has a code block has a test", () => {
  const readmes = globSync(
    ["README.md", "{apps,benchmarks,docs,examples,fixtures,packages,scripts,tooling}/**/README.md"],
    {
      cwd: ROOT,
      exclude: ["**/node_modules/**"],
    },
  ).filter((path) => fences(readFileSync(join(ROOT, path), "utf8")).length > 0);
  expect(readmes.length).toBeGreaterThan(12);
  const testsOf = (readme: string) =>
    [ELSEWHERE[readme], ...["src", "test"].map((folder) => join(dirname(readme), folder, "readme.test.ts"))].filter(
      (path) => path !== undefined && existsSync(join(ROOT, path)),
    );
  expect(readmes.filter((readme) => testsOf(readme).length === 0)).toEqual([]);
});
