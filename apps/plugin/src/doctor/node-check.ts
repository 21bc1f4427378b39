import { type Check, ok } from "./check.ts";

const OLDEST_NODE = "22.18.0";

/** The Node that runs this. */
export const nodeVersion = {
  id: "node",
  meaning: "The plugin needs features that this Node lacks, and does not start.",
  remedy: `Install Node ${OLDEST_NODE} or later, and start the plugin with it.`,
  run() {
    const { node } = process.versions;
    const title = `${node} (${process.execPath})`;
    return isAtLeast(node, OLDEST_NODE)
      ? ok(title)
      : { status: "error", title: `${title} is older than ${OLDEST_NODE}` };
  },
} satisfies Check;

function isAtLeast(version: string, oldest: string): boolean {
  const [[major = 0, minor = 0] = [], [oldestMajor = 0, oldestMinor = 0] = []] = [version, oldest].map((text) =>
    text.split(".").map(Number),
  );
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
