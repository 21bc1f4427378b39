// `pnpm run reproducible`: builds all that is published twice, at two paths, and compares the tarballs.
import { builtHashes } from "./reproducible.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { publicPackages } from "./workspace-packages.ts";

const packages = await publicPackages();
await using one = await temporaryFolder();
await using other = await temporaryFolder();
const first = await builtHashes(packages, one.path);
const second = await builtHashes(packages, other.path);
for (const [index, { name }] of packages.entries()) {
  const isSame = first[index] === second[index];
  console.log(`${isSame ? "same" : "DIFFERENT"}  ${name}  sha512-${first[index]}`);
  if (!isSame) process.exitCode = 1;
}
