import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";

export interface SidecarNames {
  /**
   * The prefix for names of files beside the edited one. All editors of a file must use the same.
   * @default ".jsonl-edit-"
   */
  readonly sidecarPrefix?: string | undefined;
  /** Other folders in which the file may have been when an edit of it was interrupted. Default: none. */
  readonly formerFolders?: readonly string[] | undefined;
}

export type SidecarKind = "lock" | "redo" | "new";

export const DEFAULT_SIDECAR_PREFIX = ".jsonl-edit-";

/** The files that an edit keeps beside the edited one while it runs. */
export class Sidecars {
  readonly #name: string;
  /** The folder that the file is in, then those in which it may have been. */
  readonly folders: readonly string[];

  constructor(path: string, { sidecarPrefix = DEFAULT_SIDECAR_PREFIX, formerFolders = [] }: SidecarNames = {}) {
    this.#name = sidecarPrefix + sidecarKey(basename(path));
    const here = dirname(path);
    this.folders = [here, ...formerFolders.filter((folder) => folder !== here)];
  }

  /** Returns the path of a sidecar. */
  path(kind: SidecarKind, folder = this.folders[0] ?? ""): string {
    return join(folder, `${this.#name}.${kind}`);
  }
}

/** Returns the part that the names of a file's sidecars share, for the name of the file. */
export const sidecarKey = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 16);
