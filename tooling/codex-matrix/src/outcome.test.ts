import { expect, test } from "vitest";
import { assertAllRan, outcomeOf, ranTests, type VitestReport } from "./outcome.ts";

const file = "apps/plugin/test/consume.test.ts";
const ran = (name: string, passed: boolean) => ({ file, name, passed });
const report = (...statuses: string[]): VitestReport => ({
  testResults: [
    {
      name: `/repository/${file}`,
      assertionResults: statuses.map((status, index) => ({ fullName: `test ${index}`, status })),
    },
  ],
});

test("tests of other versions are not counted", () => {
  expect(ranTests(report("passed", "pending", "skipped", "failed"), "/repository")).toEqual([
    ran("test 0", true),
    ran("test 3", false),
  ]);
});

test("a file without a test that ran is an error, not a file without failures", () => {
  for (const statuses of [[], ["skipped"]]) {
    expect(() => assertAllRan([file], ranTests(report(...statuses), "/repository"))).toThrow(file);
  }
  assertAllRan([file], ranTests(report("skipped", "failed"), "/repository"));
});

test("a test that failed twice has failed, one that passed the second time is named", () => {
  const first = [
    ran("consuming on codex 0.150.1 a", true),
    ran("consuming on codex 0.150.1 b", false),
    ran("consuming on codex 0.150.1 c", false),
    ran("in code mode of codex 0.150.1 d", false),
  ];
  const second = [
    ran("consuming on codex 0.150.1 b", true),
    ran("consuming on codex 0.150.1 c", false),
    { ...ran("consuming on codex 0.150.1 c", true), file: "another.test.ts" },
  ];
  expect(outcomeOf("0.150.1", first, second)).toEqual({
    passed: { consuming: 2 },
    passedAgain: ["consuming on codex b"],
    failed: { consuming: ["consuming on codex c"], "consuming in code mode": ["in code mode of codex d"] },
  });
});
