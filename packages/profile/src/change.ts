/** What became of one file or folder. */
export interface Change {
  readonly path: string;
  readonly what: "created" | "changed" | "unchanged" | "set aside" | "removed" | "restored" | "kept";
  /** What it is about, for a person. */
  readonly note: string;
}
