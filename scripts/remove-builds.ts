/**
 * Removes the builds. turbo restores a cached build on top of existing files, and leftovers of an older build would be
 * published with it.
 */
import { globSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

for (const dist of globSync("{packages,apps}/*/dist", { cwd: root }))
  rmSync(join(root, dist), { recursive: true, force: true });
