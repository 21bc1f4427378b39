import { resolve } from "node:path";
import { codexHomeOf } from "../locks.ts";
import type { FindSessionOptions } from "./find-session.ts";
import { readGrowing } from "./growing-file.ts";
import { NAMES_NAME, takeName } from "./thread-names.ts";

/** Returns the title that a session was given in codex; undefined if it has none, or if that can't be read. */
export async function sessionTitle(id: string, options: FindSessionOptions = {}): Promise<string | undefined> {
  const codexHome = resolve(options.codexHome ?? codexHomeOf(process.env));
  const read = await readGrowing(codexHome, NAMES_NAME, undefined, takeName, options.signal).catch(() => {
    options.signal?.throwIfAborted();
    return undefined;
  });
  return read?.entries[id] || undefined;
}
