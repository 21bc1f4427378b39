import { createHash } from "node:crypto";
import type { InstalledPackage } from "./installed-packages.ts";
import type { LocalRegistry } from "./local-registry.ts";
import { packInstalled } from "./tarball.ts";

const AT_A_TIME = 8;

/**
 * Publishes installed packages to the registry again, from the files in node_modules. So their dependents can
 * be installed from it on a machine without a network.
 */
export async function seedRegistry(registry: LocalRegistry, packages: readonly InstalledPackage[]): Promise<void> {
  // Versions of one package one after the other: the registry merges them into one document.
  const queue = [...Map.groupBy(packages, ({ manifest }) => manifest.name).values()];
  const work = async () => {
    for (let versions = queue.pop(); versions !== undefined; versions = queue.pop()) {
      for (const version of versions) await publish(registry, version);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

async function publish(registry: LocalRegistry, { folder, manifest }: InstalledPackage): Promise<void> {
  const { name, version } = manifest;
  const tarball = await packInstalled(folder);
  const file = `${name.split("/").at(-1)}-${version}.tgz`;
  const dist = {
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
    shasum: createHash("sha1").update(tarball).digest("hex"),
    tarball: `${registry.url}${name}/-/${file}`,
  };
  await registry.put(name.replace("/", "%2f"), {
    _id: name,
    name,
    "dist-tags": { latest: version },
    versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
    _attachments: {
      [`${name}-${version}.tgz`]: {
        content_type: "application/octet-stream",
        data: tarball.toString("base64"),
        length: tarball.length,
      },
    },
  });
}
