import { resolve } from "node:path";
import { codexHomeOf } from "@plexum/session-store";
import { readGrowing } from "../files/growing-file.ts";
import { NAMES_NAME, takeName } from "../files/thread-names.ts";
import type { FindSessionOptions } from "./find-session.ts";

/** Returns the title that a session was given in codex. Returns undefined if it has none, or if the file can't be read. */
export async function sessionTitle(id: string, options: FindSessionOptions = {}): Promise<string | undefined> {
  const codexHome = resolve(options.codexHome ?? codexHomeOf(process.env));
  const read = await readGrowing(codexHome, NAMES_NAME, undefined, takeName, options.signal).catch(() => {
    options.signal?.throwIfAborted();
    return undefined;
  });
  return read?.entries[id] || undefined;
}
