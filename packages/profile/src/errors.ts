import { CodedError, isCodedError } from "@plexum/coded-error";

export type ProfileErrorCode =
  /** A file of the profile is not JSON, or not of the shape that is expected there. */
  | "invalid_file"
  /** The program has no main file, or a name in the manifest can't be a file's. */
  | "invalid_program"
  /** There is nothing to take out. */
  | "not_installed"
  /** A file can't be read or written. */
  | "io";

/** A profile that could not be changed. `message` names the file and says what to do. */
export class ProfileError extends CodedError<ProfileErrorCode> {
  constructor(code: ProfileErrorCode, message: string, options?: ErrorOptions) {
    super("ProfileError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is ProfileError {
    return isCodedError(value, "ProfileError");
  }
}

/** Does something with a file's text. A fault in the text, a SyntaxError, becomes an error that names the file. */
export function inFile<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new ProfileError("invalid_file", `${path} can't be used (${cause.message}): correct it, then try again.`, {
      cause,
    });
  }
}
