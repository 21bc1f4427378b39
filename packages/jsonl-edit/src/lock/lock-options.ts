import { realpathSync } from "node:fs";
import { isErrno } from "../errors.ts";
import type { Files } from "../files.ts";
import type { Warn } from "./set-aside.ts";
import type { SidecarNames } from "./sidecar.ts";

export interface LockJsonlOptions extends SidecarNames {
  /** How long to wait for another editor of the file, in milliseconds. Default 5,000. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Gets a message about something that was set aside, since it stood under the name of a sidecar and can't be one. Default: a process warning. */
  readonly onWarning?: Warn | undefined;
  /** The file operations: to make one fail in a test. Default: Node's. */
  readonly files?: Files | undefined;
}

export const DEFAULT_WAIT_MS = 5_000;

/** A file's own path where it is reached by a symbolic link: its sidecars are the same from anywhere. */
export function resolvedPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return path;
    throw error;
  }
}
