import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./run.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Returns the tarball that would be published for a package of the workspace. Build the package first. */
export async function packWorkspacePackage(folder: string): Promise<Buffer> {
  await using out = await temporaryFolder();
  const file = join(out.path, "package.tgz");
  await run("pnpm", ["pack", "--out", file], { cwd: folder, env: process.env });
  // Awaited here: leaving the block removes the folder.
  return await readFile(file);
}
