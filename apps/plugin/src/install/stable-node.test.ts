import { mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stableNodePath } from "./stable-node.ts";

test("prefers a stable link to a path that contains a version", async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "plexum-node-")));
  try {
    const [versioned, link, other] = ["node-24.1.0", "node", "other"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(versioned, "");
    await writeFile(other, "");
    await symlink(versioned, link);
    expect(await stableNodePath(versioned, [join(folder, "missing"), other, link])).toBe(link);
    expect(await stableNodePath(versioned, [other])).toBe(versioned);
  } finally {
    await rm(folder, { recursive: true });
  }
});
