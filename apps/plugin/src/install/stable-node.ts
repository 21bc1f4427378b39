import { realpath } from "node:fs/promises";

/** Names that stay when a package manager puts another version in the place of this one. */
const STABLE = ["/usr/local/bin/node", "/opt/homebrew/bin/node", "/usr/bin/node"];

/**
 * The Node that runs this, by the name that lasts longest: Node knows itself by the file behind all links, which with
 * Homebrew has the version in its path and is gone after the next update.
 */
export async function stableNodePath(execPath = process.execPath, candidates: readonly string[] = STABLE) {
  const own = await realpath(execPath);
  for (const candidate of candidates) if ((await realpath(candidate).catch(() => undefined)) === own) return candidate;
  return execPath;
}
