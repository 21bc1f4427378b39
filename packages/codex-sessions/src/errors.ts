import { CodedError, isCodedError } from "@plexum/coded-error";

/**
 * - `ambiguous_session_id`: the ids of several sessions begin like this; the message lists them.
 * - `io`: a home's files can't be listed; `cause` says why.
 */
export type CodexSessionsErrorCode = "ambiguous_session_id" | "io";

/** Every error that this package throws on its own. `message` says what to do. */
export class CodexSessionsError extends CodedError<CodexSessionsErrorCode> {
  constructor(code: CodexSessionsErrorCode, message: string, options?: ErrorOptions) {
    super("CodexSessionsError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is CodexSessionsError {
    return isCodedError(value, "CodexSessionsError");
  }
}
