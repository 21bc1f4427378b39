/**
 * Runs the tests that touch codex on several versions, and writes docs/codex-versions.json and the README's table after each.
 * `node run-matrix.ts [version …]`: without arguments it runs the newest release of each supported minor version on npm that is
 * not in the file yet.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { oldestCodex } from "@plexum/codex-versions";
import type { Outcome } from "./outcome.ts";
import { runTests } from "./run-tests.ts";
import { type MatrixData, withTable } from "./table.ts";
import { byVersion, newestPatches } from "./versions.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const DATA = fileURLToPath(new URL("../../../docs/codex-versions.json", import.meta.url));
const README = fileURLToPath(new URL("../../../README.md", import.meta.url));

const published = JSON.parse(
  execFileSync("npm", ["view", "@openai/codex", "versions", "--json", "--loglevel=error"], { encoding: "utf8" }),
) as string[];
const wanted = newestPatches(published, oldestCodex.version);
const named = process.argv.slice(2);
for (const version of named) {
  if (!published.includes(version)) throw new Error(`npm has no codex ${version}`);
  if (byVersion(version, oldestCodex.version) < 0)
    throw new Error(`codex ${version} is older than the oldest supported version`);
}

execFileSync("turbo", ["run", "build", "--filter=plexum-openai-provider", "--output-logs=errors-only"], {
  cwd: ROOT,
  stdio: "inherit",
});
const done = readData().versions;
save({ wanted, versions: done });
for (const version of named.length > 0 ? named : wanted.filter((version) => !(version in done))) {
  console.log(`\n— codex ${version}`);
  const outcome = tryVersion(version);
  if (outcome === undefined) continue;
  const versions = Object.entries({ ...readData().versions, [version]: outcome }).sort(([a], [b]) => byVersion(a, b));
  save({ wanted, versions: Object.fromEntries(versions) });
  for (const name of outcome.passedAgain) console.log(`passed when run again: ${name}`);
  for (const name of Object.values(outcome.failed).flat()) console.log(`failed twice: ${name}`);
}

/** Reports a version that can't be run, so that the next one runs. */
function tryVersion(version: string): Outcome | undefined {
  try {
    return runTests(version, ROOT);
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
    return undefined;
  }
}

function readData(): MatrixData {
  return JSON.parse(readFileSync(DATA, "utf8"));
}

function save(data: MatrixData): void {
  writeFileSync(DATA, `${JSON.stringify(data, undefined, 2)}\n`);
  writeFileSync(README, withTable(readFileSync(README, "utf8"), data));
}
