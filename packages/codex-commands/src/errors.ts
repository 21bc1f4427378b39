/** Everything that can go wrong with a command, as a caller tells it apart. */
export type CodexCommandsErrorCode =
  /** What was asked for can't be done as it was asked. */
  | "invalid_params"
  // On this machine.
  | "session_not_found"
  /** The session's folder is gone, or not known. */
  | "folder_not_found"
  /** Another turn runs on the session, or in its folder. */
  | "session_busy"
  /** The turn did not start, or did not end well; `cause` has the error. */
  | "resume_failed"
  // On a node.
  | "node_not_found"
  | "node_ambiguous"
  /** The node doesn't offer the command. */
  | "node_unsupported"
  | "node_timed_out"
  /** The host or the node refused, or failed. */
  | "node_failed"
  /** The node's answer is not what the command answers. */
  | "node_malformed";

const BRAND = Symbol.for("@plexum/codex-commands/CodexCommandsError");

/** A command that failed. `message` says what to do about it: through a host it is all that a caller gets to see. */
export class CodexCommandsError extends Error {
  override readonly name = "CodexCommandsError";
  readonly code: CodexCommandsErrorCode;
  readonly [BRAND] = true;

  constructor(code: CodexCommandsErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }

  /** Like `instanceof`, and true across duplicate installs of this package. */
  static isInstance(value: unknown): value is CodexCommandsError {
    return typeof value === "object" && value !== null && BRAND in value;
  }
}
