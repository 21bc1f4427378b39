/**
 * Everything that CI runs: build, the checks, all tests. Arguments go to vitest. The last line counts over all of them.
 *
 * PLEXUM_TEST_NODE, the path of a node executable, is what the built plugin and the installed packages run on in their
 * tests; and if it can run the source too (from 24 on, because of `await using`), all tests run on it.
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
  console.log(`The tests left something in the repository. Before:\n${untouched}After:\n${touched}`);
  failedSteps.push("nothing left behind");
}
const { numPassedTests = 0, numFailedTests = 0 } = readReport();
rmSync(folder, { recursive: true });

// A step that fails without a failed test (a type error, a test file that doesn't load) counts as one.
const others = failedSteps.filter((name) => name !== "tests" || numFailedTests === 0);
if (failedSteps.length > 0) {
  console.log(`failed: ${failedSteps.join(", ")}`);
  process.exitCode = 1;
}
console.log(`${numPassedTests} passed, ${numFailedTests + others.length} failed`);

function succeeds(name: string, command: readonly string[]): boolean {
  console.log(`\n— ${name}: ${command[0]}`);
  const [file = "", ...args] = command;
  // pnpm puts the folder of the tools in front of the PATH; on Windows they are shims that only a shell finds.
  const shell = process.platform === "win32" && file !== testNode;
  const env = { ...process.env };
  if (file === testNode) env.PATH = `${dirname(testNode)}${delimiter}${env.PATH}`;
  return spawnSync(file, args, { stdio: "inherit", shell, env }).status === 0;
}

function nodeThatRunsTheSource(): string | undefined {
  const path = process.env.PLEXUM_TEST_NODE;
  if (path === undefined) return undefined;
  const major = Number(/^v(\d+)\./.exec(spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1]);
  if (!(major >= 22)) throw new Error(`PLEXUM_TEST_NODE must be the path of a Node 22 or later, which ${path} is not`);
  console.log(`What is built is tested on Node ${major}${major >= 24 ? ", and the source too" : ""}.`);
  return major >= 24 ? path : undefined;
}

/** As git tells them; none where this is no checkout. */
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
