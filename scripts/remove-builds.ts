/**
 * Removes what was built: turbo puts a build that it remembers on top of what stands there, and what an older one left would be
 * published along.
 */
import { globSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

for (const dist of globSync("{packages,apps}/*/dist", { cwd: root }))
  rmSync(join(root, dist), { recursive: true, force: true });
