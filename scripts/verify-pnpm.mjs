// Exits with code 1 unless the pnpm that npm has fetched has the hashes in pnpm-hashes.json. Run by `npm exec`, which puts the folder of
// the fetched packages first on the PATH. npm checks what it unpacks against the registry's hash and records that hash. This program
// compares it with ours. On a platform without a hash, it checks only pnpm itself.
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const expected = JSON.parse(readFileSync(new URL("pnpm-hashes.json", import.meta.url), "utf8"));
const fetched = fetchedPackages();
const names = Object.keys(fetched);
if (!names.some((name) => /^pnpm@/.test(name))) refuse("pnpm is not among what npm has fetched");
for (const name of names) {
  if (expected[name] === fetched[name]) continue;
  const isOtherPlatform = !(name in expected) && /^@pnpm\/exe\./.test(name);
  if (isOtherPlatform) console.error(`${name} is used unverified: scripts/pnpm-hashes.json has no hash for it.`);
  else refuse(`${name} has the hash ${fetched[name]}, and not ${expected[name] ?? "one that is known"}`);
}

/** Returns the hashes of the packages by name and version. */
function fetchedPackages() {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    let lock;
    try {
      lock = JSON.parse(readFileSync(join(folder, "..", ".package-lock.json"), "utf8"));
    } catch {
      continue;
    }
    const packages = Object.entries(lock.packages).map(([path, { version, integrity }]) => [
      `${path.replace(/^.*node_modules\//, "")}@${version}`,
      integrity,
    ]);
    return Object.fromEntries(packages);
  }
  return {};
}

function refuse(why) {
  console.error(
    `This is not the repository's pnpm: ${why}. Raise the version in package.json and scripts/pnpm-hashes.json together.`,
  );
  process.exit(1);
}
