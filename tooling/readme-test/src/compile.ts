import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const compiler = join(dirname(fileURLToPath(import.meta.resolve("typescript/package.json"))), "bin", "tsc");
const base = fileURLToPath(new URL("../../../tsconfig.base.json", import.meta.url));
const typeRoots = [fileURLToPath(new URL("../node_modules/@types", import.meta.url))];

/**
 * Type-checks programs, JavaScript too, as strictly as the repository's own source.
 * @param files The programs' names in the folder.
 * @throws Error with the compiler's output.
 */
export async function compile(folder: string, files: readonly string[]): Promise<void> {
  const compilerOptions = { typeRoots, allowJs: true, checkJs: true };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ extends: base, compilerOptions, files }));
  await promisify(execFile)(process.execPath, [compiler, "-p", folder], { cwd: folder }).catch(({ stdout, stderr }) => {
    throw new Error(stdout || stderr);
  });
}
