import { realpath } from "node:fs/promises";

/** Paths that stay the same when a package manager updates Node. */
const STABLE = ["/usr/local/bin/node", "/opt/homebrew/bin/node", "/usr/bin/node"];

/**
 * Returns the path of the running Node that is most likely to last. In `process.execPath` all links are resolved; with Homebrew it
 * contains the version, and does not exist after the next update.
 */
export async function stableNodePath(execPath = process.execPath, candidates: readonly string[] = STABLE) {
  const own = await realpath(execPath);
  for (const candidate of candidates) if ((await realpath(candidate).catch(() => undefined)) === own) return candidate;
  return execPath;
}
