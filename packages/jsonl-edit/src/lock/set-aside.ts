import { randomUUID } from "node:crypto";
import type { Files } from "../files.ts";

/** @inline */
export type Warn = (message: string) => void;

export const processWarning: Warn = (message) => process.emitWarning(message, "JsonlEditWarning");

/**
 * Renames something that has the name of a sidecar but can't be one. It is never deleted, since a person may need it.
 *
 * @param what Completes "it is not".
 */
export async function setAside(files: Files, path: string, what: string, warn: Warn): Promise<void> {
  const aside = `${path}.set-aside-${randomUUID().slice(0, 8)}`;
  await files.rename(path, aside);
  warn(`${path} is not ${what}: it was renamed to ${aside}; remove it if nobody needs it`);
}
