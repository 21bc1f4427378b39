import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const find = (...patterns: string[]) => globSync(patterns, { cwd: ROOT, exclude: ["**/node_modules/**"] });

test("every link from one document to another has a target", () => {
  const documents = find("*.md", "{apps,docs,examples,fixtures,packages,tooling}/**/*.md");
  const broken = documents.flatMap((path) => {
    const links = read(path).matchAll(/\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)/g);
    return Array.from(links, ([, file = "", anchor]) => ({
      target: file === "" ? path : normalize(join(dirname(path), file)),
      anchor,
    }))
      .filter(({ target, anchor }) => !leadsSomewhere(target, anchor))
      .map(({ target, anchor }) => `${path}: ${target}${anchor === undefined ? "" : `#${anchor}`}`);
  });
  expect(broken).toEqual([]);
});

function leadsSomewhere(path: string, anchor: string | undefined): boolean {
  if (!existsSync(join(ROOT, path))) return false;
  return anchor === undefined || headings(read(path)).includes(anchor);
}

/** Returns the headings' anchors, as GitHub generates them. */
const headings = (markdown: string) =>
  Array.from(markdown.matchAll(/^#+ (.+)$/gm), ([, text = ""]) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );

test("every decision is in the list of decisions", () => {
  const listed = Array.from(read("docs/decisions/README.md").matchAll(/\]\((\d+-[^)]+)\)/g), ([, name]) => name);
  expect(listed).toEqual(
    find("docs/decisions/[0-9]*.md")
      .map((path) => path.slice("docs/decisions/".length))
      .sort(),
  );
});

test("every proof that SECURITY.md names is a test", () => {
  const proofs = Array.from(read("SECURITY.md").matchAll(/`([^`]+\.test\.ts)`: "([^"]+)"/g));
  expect(proofs.length).toBeGreaterThan(15);
  const missing = proofs.filter(
    ([, path = "", name = ""]) => !existsSync(join(ROOT, path)) || !read(path).includes(name),
  );
  expect(missing.map(([proof]) => proof)).toEqual([]);
});
