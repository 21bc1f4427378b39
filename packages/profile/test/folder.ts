import { createHash } from "node:crypto";
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Creates a folder that is removed with everything in it when disposed of. Its name has characters that a shell expands unless quoted. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "plexum's $HOME `x` "));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Returns everything below a folder, to compare: kinds, modes, owners and contents. */
export async function snapshot(folder: string): Promise<Record<string, string>> {
  const entries: Record<string, string> = {};
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name);
    const { mode, uid } = await lstat(path);
    const kind = (mode & 0o170000).toString(8);
    const content =
      kind === "120000"
        ? await readlink(path)
        : kind === "100000"
          ? createHash("sha256")
              .update(await readFile(path))
              .digest("hex")
          : "";
    entries[name] = [kind, (mode & 0o777).toString(8), uid, content].join(" ");
  }
  return entries;
}
