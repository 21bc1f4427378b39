import { CodedError, isCodedError } from "@plexum/coded-error";

export type SessionStoreErrorCode =
  /** Another process or caller holds the lock. */
  | "busy"
  /** A file can't be read, written or locked; `cause` has the system's error. */
  | "io"
  /** The text is not a thread id. */
  | "invalid_thread_id"
  /** The name of a workspace's session file is a path. */
  | "invalid_file_name";

/** An error of this package. `message` says what to do. */
export class SessionStoreError extends CodedError<SessionStoreErrorCode> {
  constructor(code: SessionStoreErrorCode, message: string, options?: ErrorOptions) {
    super("SessionStoreError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is SessionStoreError {
    return isCodedError(value, "SessionStoreError");
  }
}
