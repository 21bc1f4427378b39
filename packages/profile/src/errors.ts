import { CodedError, isCodedError } from "@plexum/coded-error";

export type ProfileErrorCode =
  /** A file of the profile is not JSON, or does not have the expected shape. */
  | "invalid_file"
  /** The program has no main file, or a name in the manifest can't be a file name. */
  | "invalid_program"
  /** There is nothing to uninstall. */
  | "not_installed"
  /** A file can't be read or written. */
  | "io";

/** The error for a profile that could not be changed. `message` names the file and says what to do. */
export class ProfileError extends CodedError<ProfileErrorCode> {
  constructor(code: ProfileErrorCode, message: string, options?: ErrorOptions) {
    super("ProfileError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is ProfileError {
    return isCodedError(value, "ProfileError");
  }
}

/** Runs `work` on a file's text. Turns a SyntaxError, a fault in the text, into an error that names the file. */
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
