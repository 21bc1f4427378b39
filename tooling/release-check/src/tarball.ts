import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gunzipSync, gzipSync } from "node:zlib";
import { extract, pack } from "tar-stream";

/** Returns the files of an npm tarball by their path inside the package, such as `dist/index.js`. */
export async function readTarball(tarball: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for await (const entry of Readable.from([gunzipSync(tarball)]).pipe(extract())) {
    const contents = await buffer(entry);
    // npm puts all files under one folder, whose name does not matter.
    if (entry.header.type === "file") files.set(entry.header.name.replace(/^[^/]+\//, ""), contents);
  }
  return files;
}

/**
 * Returns the tarball of an installed package, from the files in its folder. They are read whole, one at a time: pnpm's
 * files are hard links of each other, which an archiver would keep as links, and npm drops those.
 */
export async function packInstalled(folder: string): Promise<Buffer> {
  const tar = pack();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path).replaceAll(sep, "/");
    if (!entry.isFile() || name.startsWith("node_modules/")) continue;
    tar.entry({ name: `package/${name}`, mode: 0o755 }, await readFile(path));
  }
  tar.finalize();
  return gzipSync(await buffer(tar), { level: 1 });
}
