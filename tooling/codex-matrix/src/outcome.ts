import { relative } from "node:path";
import { type Area, areaOf } from "./areas.ts";

/** What the tests gave on one version of codex. */
export interface Outcome {
  /** When they were run, `YYYY-MM-DD`. */
  readonly date: string;
  /** For example `linux x64`. */
  readonly platform: string;
  /** How many passed. An area without tests for the version is missing. */
  readonly passed: Partial<Record<Area, number>>;
  /** Those of the passed that failed at first and passed when run once more. */
  readonly passedAgain: readonly string[];
  /** The names of those that failed twice. */
  readonly failed: Partial<Record<Area, readonly string[]>>;
}

/** Vitest's JSON report, as far as it is used. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

export interface RanTest {
  /** From the repository's root. */
  readonly file: string;
  readonly name: string;
  readonly passed: boolean;
}

/** Those that were run, without the ones that another name left out. */
export function ranTests(report: VitestReport, root: string): RanTest[] {
  return report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter((test) => test.status === "passed" || test.status === "failed")
      .map((test) => ({ file: relative(root, name), name: test.fullName, passed: test.status === "passed" })),
  );
}

/** @throws Error if none of a file's tests was run, for example as it can't be loaded: they would be missing in silence. */
export function assertAllRan(files: readonly string[], ran: readonly RanTest[]): void {
  const missing = files.filter((file) => !ran.some((test) => test.file === file));
  if (missing.length > 0) throw new Error(`no test was run of ${missing.join(", ")}`);
}

/**
 * @param first All that ran.
 * @param second Those of `first` that failed, run again.
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
