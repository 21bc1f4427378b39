import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** This process's own folder, which is removed when it ends. */
export function scratchFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `fuzz-${name}-`));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Returns a path in this process's own folder, and creates its parent folders. */
export function scratchPath(name: string, ...path: string[]): string {
  const full = join(scratchFolder(name), ...path);
  mkdirSync(join(full, ".."), { recursive: true });
  return full;
}
