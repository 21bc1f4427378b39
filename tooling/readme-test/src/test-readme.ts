import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Block } from "./block.ts";
import { compile } from "./compile.ts";
import { type Fence, fences } from "./fences.ts";
import { installedNames } from "./install-line.ts";
import { programFolder } from "./program-folder.ts";

type Check = (block: Block) => unknown;

interface NotRun {
  readonly reason: string;
}

/** Marks a block that can't be run or compared. A program is still compiled. */
export const notRun = (reason: string): NotRun => ({ reason });

/** A block's language, by the extension of the name that a test gives it. */
const LANGUAGES: Record<string, string> = {
  ".ts": "ts",
  ".js": "js",
  ".mjs": "js",
  ".sh": "sh",
  ".json": "json",
  ".txt": "text",
  ".mmd": "mermaid",
};

/** Longer than a block's own time limit, and long enough for a compiler on a busy machine. In milliseconds. */
const timeout = 60_000;

interface ReadmeOptions {
  /** Packages that the programs may import in addition to those of the README's `npm install` lines: for private packages. */
  readonly packages?: readonly string[];
}

/**
 * Defines a test for each code block of a README, and one that compiles its programs.
 *
 * @param path The README's path.
 * @param checks The check of each block, by file name, in the README's order. A block that is not named here
 * fails the tests.
 */
export function testReadme(
  path: string,
  checks: Readonly<Record<string, Check | NotRun>>,
  { packages = [] }: ReadmeOptions = {},
): void {
  const markdown = readFileSync(path, "utf8");
  const names = Object.keys(checks);
  describe(basename(path), () => {
    let folder: Awaited<ReturnType<typeof programFolder>>;
    let blocks: Block[] = [];

    beforeAll(async () => {
      const found = fences(markdown);
      const installed = found.flatMap(({ language, text }) => (language === "sh" ? installedNames(text) : []));
      folder = await programFolder([...new Set([...packages, ...installed])]);
      blocks = claim(found, names).map(({ text }, index) => new Block(names[index] as string, text, folder.path));
      for (const block of blocks) await writeFile(block.path, block.text);
    });
    afterAll(() => folder?.[Symbol.asyncDispose]());

    const programs = names.filter((name) => [".ts", ".js", ".mjs"].includes(extname(name)));
    if (programs.length > 0) test("its programs compile", { timeout }, () => compile(folder.path, programs));
    for (const [index, [name, check]] of Object.entries(checks).entries())
      if (typeof check === "function") test(name, { timeout }, () => check(blocks[index] as Block));
    test("it has no other block", () => claim(fences(markdown), names));
  });
}

/** @throws Error if a README's blocks don't match the names. */
export function claim(found: readonly Fence[], names: readonly string[]): readonly Fence[] {
  for (const [index, { language, line }] of found.entries()) {
    const name = names[index];
    if (name === undefined) throw new Error(`the test does not name the ${language || "plain"} block at line ${line}`);
    const expected = LANGUAGES[extname(name)];
    if (expected !== language)
      throw new Error(`the block at line ${line} is ${language || "plain"}, but the test's next name is ${name}`);
  }
  const missing = names.slice(found.length);
  if (missing.length > 0) throw new Error(`the README has no block for ${missing.join(", ")}`);
  return found;
}
