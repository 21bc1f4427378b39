/**
 * Runs everything that CI runs: the build, the checks, all tests. Arguments are passed to vitest. The last line has the totals.
 *
 * PLEXUM_TEST_NODE is the path of a node executable, on which the built plugin and the installed packages run in their
 * tests. If it can also run the source (from 24 on, because of `await using`), all tests run on it.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import "./remove-builds.ts";

const folder = mkdtempSync(join(tmpdir(), "plexum-test-"));
const report = join(folder, "vitest.json");

const testNode = nodeThatRunsTheSource();
const vitest = testNode === undefined ? ["vitest"] : [testNode, "node_modules/vitest/vitest.mjs"];

const steps = [
  ["build", ["turbo", "run", "build", "--output-logs=errors-only"]],
  ["check", ["turbo", "run", "check", "check:repository", "check:api", "--output-logs=errors-only"]],
  [
    "tests",
    [...vitest, "run", "--reporter=default", "--reporter=json", `--outputFile=${report}`, ...process.argv.slice(2)],
  ],
] as const;

const untouched = changedFiles();
const failedSteps: string[] = steps.filter(([name, command]) => !succeeds(name, command)).map(([name]) => name);
const touched = changedFiles();
if (touched !== untouched) {
  console.log(`The tests left changes in the repository. Before:\n${untouched}After:\n${touched}`);
  failedSteps.push("nothing left behind");
}
const { numPassedTests = 0, numFailedTests = 0 } = readReport();
rmSync(folder, { recursive: true });

// A step that fails without a failed test (a type error, a test file that doesn't load) counts as one failure.
const others = failedSteps.filter((name) => name !== "tests" || numFailedTests === 0);
if (failedSteps.length > 0) {
  console.log(`failed: ${failedSteps.join(", ")}`);
  process.exitCode = 1;
}
console.log(`${numPassedTests} passed, ${numFailedTests + others.length} failed`);

function succeeds(name: string, command: readonly string[]): boolean {
  console.log(`\n— ${name}: ${command[0]}`);
  const [file = "", ...args] = command;
  // pnpm puts the tools' folder first on the PATH. On Windows they are shims, which only a shell finds.
  const shell = process.platform === "win32" && file !== testNode;
  const env = { ...process.env };
  if (file === testNode) env.PATH = `${dirname(testNode)}${delimiter}${env.PATH}`;
  return spawnSync(file, args, { stdio: "inherit", shell, env }).status === 0;
}

function nodeThatRunsTheSource(): string | undefined {
  const path = process.env.PLEXUM_TEST_NODE;
  if (path === undefined) return undefined;
  const major = Number(/^v(\d+)\./.exec(spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1]);
  if (!(major >= 22)) throw new Error(`PLEXUM_TEST_NODE is ${path}: set it to the path of Node 22 or later`);
  console.log(`Testing the build${major >= 24 ? " and the source" : ""} on Node ${major}.`);
  return major >= 24 ? path : undefined;
}

/** Returns the changed files that git reports; none outside a checkout. */
function changedFiles(): string {
  return spawnSync("git", ["status", "--porcelain"], { encoding: "utf8" }).stdout ?? "";
}

function readReport(): { numPassedTests?: number; numFailedTests?: number } {
  try {
    return JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return {};
  }
}
