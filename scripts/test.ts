/**
 * Everything that CI runs: build, the checks, all tests. Arguments go to vitest. The last line counts over all of them.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "plexum-test-"));
const report = join(folder, "vitest.json");

const steps = [
  ["build", ["turbo", "run", "build", "--output-logs=errors-only"]],
  ["check", ["turbo", "run", "check", "check:repository", "check:api", "--output-logs=errors-only"]],
  [
    "tests",
    ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile=${report}`, ...process.argv.slice(2)],
  ],
] as const;

const failedSteps = steps.filter(([name, command]) => !succeeds(name, command)).map(([name]) => name);
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
  return spawnSync(file, args, { stdio: "inherit", shell: process.platform === "win32" }).status === 0;
}

function readReport(): { numPassedTests?: number; numFailedTests?: number } {
  try {
    return JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return {};
  }
}
