export type SessionStoreErrorCode =
  /** Someone else holds the lock. */
  | "busy"
  /** A file can't be read, written or locked; `cause` says why. */
  | "io"
  | "invalid_thread_id"
  /** The ids of several sessions begin so. */
  | "ambiguous_session_id";

const BRAND = Symbol.for("@plexum/session-store/SessionStoreError");

export class SessionStoreError extends Error {
  override readonly name = "SessionStoreError";
  readonly code: SessionStoreErrorCode;
  readonly [BRAND] = true;

  constructor(code: SessionStoreErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }

  /** Like `instanceof`, and true across duplicate installs of this package. */
  static isInstance(value: unknown): value is SessionStoreError {
    return typeof value === "object" && value !== null && BRAND in value;
  }
}
