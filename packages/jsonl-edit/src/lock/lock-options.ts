import { realpathSync } from "node:fs";
import { isErrno } from "../errors.ts";
import type { Files } from "../files.ts";
import type { Warn } from "./set-aside.ts";
import type { SidecarNames } from "./sidecar.ts";

/** Options of everything that locks a file. */
export interface LockJsonlOptions extends SidecarNames {
  /**
   * How long to wait for another editor of the file, in milliseconds.
   * @default 5_000
   */
  readonly waitMs?: number | undefined;
  /** Aborts waiting for the lock, and the edit until writing begins. */
  readonly signal?: AbortSignal | undefined;
  /** Called with a message when something that has the name of a sidecar, but can't be one, is set aside. Default: a process warning. */
  readonly onWarning?: Warn | undefined;
  /** The file operations, so that a test can make one fail. Default: Node's. */
  readonly files?: Files | undefined;
}

export const DEFAULT_WAIT_MS = 5_000;

/** Resolves symbolic links, so that a file's sidecars are the same from everywhere. */
export function resolvedPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return path;
    throw error;
  }
}
