import { realpath } from "node:fs/promises";

/** Names that stay the same when a package manager updates Node. */
const STABLE = ["/usr/local/bin/node", "/opt/homebrew/bin/node", "/usr/bin/node"];

/**
 * Returns the most lasting path of the running Node. `process.execPath` has all links resolved; with Homebrew it contains the
 * version, and does not exist after the next update.
 */
export async function stableNodePath(execPath = process.execPath, candidates: readonly string[] = STABLE) {
  const own = await realpath(execPath);
  for (const candidate of candidates) if ((await realpath(candidate).catch(() => undefined)) === own) return candidate;
  return execPath;
}
