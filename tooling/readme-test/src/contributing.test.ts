import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { namesWhatIsThere } from "./repository-commands.ts";
import { testReadme } from "./test-readme.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, "utf8");

testReadme(`${root}CONTRIBUTING.md`, {
  "test.sh": namesWhatIsThere,
  "set-up.sh": namesWhatIsThere,
  "build.sh": namesWhatIsThere,
  "tests.sh": namesWhatIsThere,
  "checks.sh": namesWhatIsThere,
  "fixtures.sh": namesWhatIsThere,
  "faults.sh": namesWhatIsThere,
  "benchmarks-from-source.sh": namesWhatIsThere,
  "benchmarks-of-builds.sh": namesWhatIsThere,
  "fuzzing.sh": namesWhatIsThere,
  "matrix.sh": namesWhatIsThere,
});

test("CONTRIBUTING lists every benchmark", () => {
  const programs = globSync("benchmarks/*.ts", { cwd: root }).filter((path) => isProgram(read(path)));
  expect(
    read("CONTRIBUTING.md")
      .match(/benchmarks\/\S+\.ts/g)
      ?.sort(),
  ).toEqual(programs.sort());
});

/** A file without exports is a program. */
const isProgram = (source: string) => !/^export /m.test(source);
