import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Not written by hand, or written by others. */
const SKIPPED = new Set(["node_modules", "dist", "api", "fixtures", "corpus", "coverage", ".git", ".turbo"]);

/** Returns the paths of all files with one of these endings, relative to the repository, with forward slashes. */
export function filesOf(...endings: string[]): string[] {
  const found = endings.flatMap((ending) =>
    globSync(`**/*.${ending}`, {
      cwd: ROOT,
      exclude: (name) => SKIPPED.has(name.split(/[/\\]/).at(-1) ?? ""),
    }),
  );
  return found.map((path) => path.replaceAll("\\", "/")).sort();
}
