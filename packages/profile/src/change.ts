/** What happened to one file or folder. */
export interface Change {
  readonly path: string;
  readonly what: "created" | "changed" | "unchanged" | "set aside" | "removed" | "restored" | "kept";
  /** A description for the user. */
  readonly note: string;
}
