import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Block } from "./block.ts";

/** The packages that a README's shell blocks install beside a program. What is installed globally can't be imported. */
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

/** For the block that says how to install a package: it is one line, and has the package's name. */
export function installsPackage(packageFolder: string): (block: Block) => void {
  return ({ commands }) => {
    const { name } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as { name: string };
    if (commands.length !== 1 || installedNames(commands[0] ?? "")[0] !== name)
      throw new Error(`"npm install ${name}" is expected, not ${JSON.stringify(commands)}`);
  };
}
