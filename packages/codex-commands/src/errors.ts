import { CodedError, isCodedError } from "@plexum/coded-error";

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

/** A command that failed. `message` says what to do about it: through a host it is all that a caller gets to see. */
export class CodexCommandsError extends CodedError<CodexCommandsErrorCode> {
  constructor(code: CodexCommandsErrorCode, message: string, options?: ErrorOptions) {
    super("CodexCommandsError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is CodexCommandsError {
    return isCodedError(value, "CodexCommandsError");
  }
}
