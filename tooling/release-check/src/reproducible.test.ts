import { expect, test } from "vitest";
import { builtHashes } from "./reproducible.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { publicPackages } from "./workspace-packages.ts";

// One of each kind: a program and a library. `pnpm run reproducible` compares all packages.
const packages = (await publicPackages()).filter(({ name }) =>
  ["plexum-openai-provider", "@plexum/jsonl"].includes(name),
);

test("two builds at two paths produce identical tarballs", { timeout: 300_000 }, async () => {
  expect(packages).toHaveLength(2);
  await using one = await temporaryFolder();
  await using other = await temporaryFolder();
  expect(await builtHashes(packages, one.path)).toEqual(await builtHashes(packages, other.path));
});
