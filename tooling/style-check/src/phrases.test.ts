import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PHRASES } from "./phrases.ts";
import { filesOf, ROOT } from "./repository.ts";

/** Where the phrases are data. */
const EXEMPT = ["tooling/style-check/src/"];

const patterns = PHRASES.map(({ pattern, instead }) => ({ regex: new RegExp(`\\b(?:${pattern})\\b`, "gi"), instead }));

function findings(path: string, text: string): string[] {
  return text
    .split("\n")
    .flatMap((line, index) =>
      patterns.flatMap(({ regex, instead }) =>
        [...line.matchAll(regex)].map(([found]) => `${path}:${index + 1}: "${found}": write ${instead}`),
      ),
    );
}

test("no phrase that was replaced has come back", () => {
  const files = filesOf("md", "ts", "mjs", "sh", "yml", "json").filter(
    (path) => !EXEMPT.some((folder) => path.startsWith(folder)),
  );
  expect(files.length).toBeGreaterThan(300);
  expect(files.flatMap((path) => findings(path, readFileSync(join(ROOT, path), "utf8")))).toEqual([]);
});

test("a phrase is found at the beginning of a sentence and in the middle of a line, but not inside a word", () => {
  expect(findings("a.md", "Anew.\nIt was mended, and shown.\nrenewed, recommended, a meander")).toEqual([
    'a.md:1: "Anew": write again, or restart, rewrite',
    'a.md:2: "mended": write repair',
  ]);
});
