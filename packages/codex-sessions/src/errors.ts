import { CodedError, isCodedError } from "@plexum/coded-error";

/**
 * - `ambiguous_session_id`: several sessions' ids begin with the text; the message lists them.
 * - `io`: a home's files can't be listed; `cause` has the system's error.
 */
export type CodexSessionsErrorCode = "ambiguous_session_id" | "io";

/** The errors that this package throws itself. `message` says what to do. */
export class CodexSessionsError extends CodedError<CodexSessionsErrorCode> {
  constructor(code: CodexSessionsErrorCode, message: string, options?: ErrorOptions) {
    super("CodexSessionsError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is CodexSessionsError {
    return isCodedError(value, "CodexSessionsError");
  }
}
