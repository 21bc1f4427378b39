import { CodedError, isCodedError } from "@plexum/coded-error";

/** The kinds of failure of a command. */
export type CodexCommandsErrorCode =
  /** The parameters are not valid. */
  | "invalid_params"
  // On this machine.
  | "session_not_found"
  /** The session's folder is gone or unknown. */
  | "folder_not_found"
  /** Another turn is running on the session or in its folder. */
  | "session_busy"
  /** The turn did not start, or failed; `cause` has the error. */
  | "resume_failed"
  // On a node.
  | "node_not_found"
  | "node_ambiguous"
  /** The node does not expose the command. */
  | "node_unsupported"
  | "node_timed_out"
  /** The host or the node refused or failed. */
  | "node_failed"
  /** The node's answer is not a valid answer of the command. */
  | "node_malformed";

/** A failed command. `message` says what to do, since a host passes on nothing else to its callers. */
export class CodexCommandsError extends CodedError<CodexCommandsErrorCode> {
  constructor(code: CodexCommandsErrorCode, message: string, options?: ErrorOptions) {
    super("CodexCommandsError", code, message, options);
  }

  /** Like `instanceof`, but also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is CodexCommandsError {
    return isCodedError(value, "CodexCommandsError");
  }
}
