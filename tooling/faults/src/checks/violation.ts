/** What must hold in every run. */
type Invariant =
  /** A stream has one message_start, first, and one message_end, last, and its numbers have no gap. */
  | "stream"
  /** The host's record and the rollout name the same calls. */
  | "calls"
  /** Each line of a rollout is whole, and stays unchanged unless a mutation was to change it. */
  | "rollout"
  /** The thread continues: each request has every completed turn. */
  | "thread"
  /** Each request has the marker in place of what was consumed. */
  | "marker"
  /** A turn that nothing disturbs completes, and the plugin ends as it should. */
  | "ending"
  /** Each turn ends. */
  | "hang"
  /** No process, socket, lock, journal or temporary file is left. */
  | "leftover";

export interface Violation {
  readonly invariant: Invariant;
  readonly what: string;
}
