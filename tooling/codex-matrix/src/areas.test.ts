import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AREAS, areaOf, TEST_FILES } from "./areas.ts";

const ROOT = join(import.meta.dirname, "../../..");

test("the matrix runs every test file that runs on the tested codexes", () => {
  const files = ["packages", "apps"].flatMap((folder) =>
    globSync(`${folder}/*/{src,test}/**/*.test.ts`, { cwd: ROOT, exclude: (path) => path.endsWith("node_modules") }),
  );
  const wanted = files.filter((file) => readFileSync(join(ROOT, file), "utf8").includes("testedCodexes("));
  expect(wanted.sort()).toEqual(Object.keys(TEST_FILES).sort());
});

test("a test's name says whether it is about code mode", () => {
  const file = "apps/plugin/test/consume.test.ts";
  expect(areaOf(file, "consuming on codex 0.150.0 works")).toBe("consuming");
  expect(areaOf(file, "in code mode of codex 0.150.0 works")).toBe("consuming in code mode");
  expect(() => areaOf("apps/plugin/test/ending.test.ts", "in code mode")).toThrow("areas.ts");
  expect(() => areaOf("some.test.ts", "works")).toThrow("areas.ts");
});

test("every column has tests", () => {
  const areas = Object.values(TEST_FILES).flatMap(({ area, codeMode }) => [area, codeMode]);
  expect(AREAS.filter((area) => !areas.includes(area))).toEqual([]);
});
