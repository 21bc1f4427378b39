import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Block } from "./block.ts";

/** Returns the packages that a README's shell blocks install beside a program. A global installation can't be imported. */
export function installedNames(shell: string): string[] {
  const lines = shell.match(/^npm install (?!-g\b|--global\b).*$/gm) ?? [];
  return lines.flatMap((line) =>
    line
      .replace(/#.*/, "")
      .split(/\s+/)
      .slice(2)
      .filter((word) => word !== "" && !word.startsWith("-")),
  );
}

/** Returns a check of the block that installs a package: it must be one line with the package's name. */
export function installsPackage(packageFolder: string): (block: Block) => void {
  return ({ commands }) => {
    const { name } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as { name: string };
    if (commands.length !== 1 || installedNames(commands[0] ?? "")[0] !== name)
      throw new Error(`expected "npm install ${name}", not ${JSON.stringify(commands)}`);
  };
}
