import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";

export interface SidecarNames {
  /** Begins the names of the files beside the edited one. All who edit a file must agree on it. Default `.jsonl-edit-`. */
  readonly sidecarPrefix?: string | undefined;
  /** Other folders in which the file may have stood when an edit of it was interrupted. Default: none. */
  readonly formerFolders?: readonly string[] | undefined;
}

export type SidecarKind = "lock" | "redo" | "new";

export const DEFAULT_SIDECAR_PREFIX = ".jsonl-edit-";

/** The files that an edit puts beside the edited one while it lasts. */
export class Sidecars {
  readonly #name: string;
  /** The folder that the file stands in, then those where it may have stood. */
  readonly folders: readonly string[];

  constructor(path: string, { sidecarPrefix = DEFAULT_SIDECAR_PREFIX, formerFolders = [] }: SidecarNames = {}) {
    this.#name = sidecarPrefix + sidecarKey(basename(path));
    const here = dirname(path);
    this.folders = [here, ...formerFolders.filter((folder) => folder !== here)];
  }

  path(kind: SidecarKind, folder = this.folders[0] ?? ""): string {
    return join(folder, `${this.#name}.${kind}`);
  }
}

/** What the names of a file's sidecars share, by the name of the file. */
export const sidecarKey = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 16);
