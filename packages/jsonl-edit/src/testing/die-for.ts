import { spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const { pid } = spawnSync("true");

/** Makes a lock, and locks to take it over, name a process that has ended, as after a crash. In crash tests, they name this process. */
export async function dieFor(lockPath: string): Promise<void> {
  for (const name of await readdir(dirname(lockPath))) {
    if (!name.startsWith(basename(lockPath))) continue;
    const lock = join(dirname(lockPath), name);
    const holder = await readFile(lock, "utf8");
    if (holder.endsWith("}")) await writeFile(lock, JSON.stringify({ ...JSON.parse(holder), pid }));
  }
}
