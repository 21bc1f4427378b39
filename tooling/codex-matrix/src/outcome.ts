import { relative } from "node:path";
import { type Area, areaOf } from "./areas.ts";

/** The result of the tests on one version of codex. */
export interface Outcome {
  /** When the tests ran, `YYYY-MM-DD`. */
  readonly date: string;
  /** For example `linux x64`. */
  readonly platform: string;
  /** How many tests passed. An area without tests for the version is missing. */
  readonly passed: Partial<Record<Area, number>>;
  /** The names of passed tests that failed at first and passed when run once more. */
  readonly passedAgain: readonly string[];
  /** The names of tests that failed twice. */
  readonly failed: Partial<Record<Area, readonly string[]>>;
}

/** The part of Vitest's JSON report that is used. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

export interface RanTest {
  /** Relative to the repository's root. */
  readonly file: string;
  readonly name: string;
  readonly passed: boolean;
}

/** Returns the tests that ran, without those that the name filter left out. */
export function ranTests(report: VitestReport, root: string): RanTest[] {
  return report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter((test) => test.status === "passed" || test.status === "failed")
      .map((test) => ({ file: relative(root, name), name: test.fullName, passed: test.status === "passed" })),
  );
}

/** @throws Error if none of a file's tests ran, for example because it can't be loaded: they would be silently missing. */
export function assertAllRan(files: readonly string[], ran: readonly RanTest[]): void {
  const missing = files.filter((file) => !ran.some((test) => test.file === file));
  if (missing.length > 0) throw new Error(`no test was run of ${missing.join(", ")}`);
}

/**
 * Counts and names the results of one version.
 *
 * @param first All tests that ran.
 * @param second The failed tests of `first`, run again.
 */
export function outcomeOf(version: string, first: readonly RanTest[], second: readonly RanTest[]) {
  const isSame = (a: RanTest) => (b: RanTest) => a.file === b.file && a.name === b.name;
  const plainName = ({ name }: RanTest) => name.replaceAll(`codex ${version}`, "codex");
  const passed: Partial<Record<Area, number>> = {};
  const failed: Partial<Record<Area, string[]>> = {};
  const passedAgain: string[] = [];
  for (const test of first) {
    const area = areaOf(test.file, test.name);
    const again = !test.passed && second.some((other) => isSame(test)(other) && other.passed);
    if (again) passedAgain.push(plainName(test));
    if (test.passed || again) passed[area] = (passed[area] ?? 0) + 1;
    else failed[area] = [...(failed[area] ?? []), plainName(test)];
  }
  return { passed, passedAgain, failed };
}
