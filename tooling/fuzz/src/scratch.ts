import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of this process's own, which is gone when it ends. */
export function scratchFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `fuzz-${name}-`));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A path whose folders are there, in a folder of this process's own. */
export function scratchPath(name: string, ...path: string[]): string {
  const full = join(scratchFolder(name), ...path);
  mkdirSync(join(full, ".."), { recursive: true });
  return full;
}
