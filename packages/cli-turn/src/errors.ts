import { CodedError, isCodedError } from "@plexum/coded-error";

/** The reason why a program could not be run. */
export type CliTurnErrorCode = "binary_not_found" | "binary_not_executable" | "workspace_unusable" | "spawn_failed";

/** A program could not be found or started. `message` says what to do about it. */
export class CliTurnError extends CodedError<CliTurnErrorCode> {
  constructor(code: CliTurnErrorCode, message: string, options?: ErrorOptions) {
    super("CliTurnError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is CliTurnError {
    return isCodedError(value, "CliTurnError");
  }
}
