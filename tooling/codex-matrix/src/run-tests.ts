import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesFor } from "./areas.ts";
import { assertAllRan, type Outcome, outcomeOf, type RanTest, ranTests } from "./outcome.ts";

/**
 * Installs a codex from npm and runs all tests that touch codex on it. Runs failed tests once more: some wait for processes,
 * and the machine may be busy. Takes some minutes and 500 MB, which are freed afterwards.
 */
export function runTests(version: string, root: string): Outcome {
  // A new folder: an npm that outlived an earlier run must not write into it.
  const folder = mkdtempSync(join(tmpdir(), "codex-matrix-"));
  try {
    install(version, folder);
    const files = filesFor(version);
    const first = vitest(root, folder, files, `codex ${pattern(version)}(?![.\\d])`);
    assertAllRan(files, first);
    const failed = first.filter(({ passed }) => !passed);
    const names = failed.map(({ name }) => pattern(name)).join("|");
    const filesAgain = [...new Set(failed.map(({ file }) => file))];
    const second = failed.length === 0 ? [] : vitest(root, folder, filesAgain, `^(${names})$`);
    const date = new Date().toISOString().slice(0, 10);
    return { date, platform: `${process.platform} ${process.arch}`, ...outcomeOf(version, first, second) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function install(version: string, folder: string): void {
  const flags = ["--prefix", folder, "--cache", join(folder, "cache"), "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, error } = spawnSync("npm", ["install", ...flags, `@openai/codex@${version}`], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error(`npm could not install codex ${version}`, { cause: error });
}

function vitest(root: string, folder: string, files: readonly string[], names: string): RanTest[] {
  const report = join(folder, "report.json");
  rmSync(report, { force: true });
  // One worker, since some tests of the ends of turns look for processes within a short time.
  const flags = ["--maxWorkers=1", "--reporter=dot", "--reporter=json", `--outputFile.json=${report}`, "-t", names];
  const { status, error } = spawnSync("vitest", ["run", ...flags, ...files], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, CODEX_UNDER_TEST: folder },
  });
  if (status !== 0 && status !== 1) throw new Error(`vitest exited with code ${status}`, { cause: error });
  return ranTests(JSON.parse(readFileSync(report, "utf8")), root);
}

/** Matches the text, even if vitest has ` > ` between the names of a group and a test where the report has a space. */
const pattern = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&").replaceAll(" ", "( > | )");
