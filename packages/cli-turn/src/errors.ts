/** Why a program can't be run. */
export type CliTurnErrorCode = "binary_not_found" | "binary_not_executable" | "workspace_unusable" | "spawn_failed";

const BRAND = Symbol.for("@plexum/cli-turn/CliTurnError");

/** A program that can't be found or started. `message` says what to do about it. */
export class CliTurnError extends Error {
  override readonly name = "CliTurnError";
  readonly code: CliTurnErrorCode;
  readonly [BRAND] = true;

  constructor(code: CliTurnErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is CliTurnError {
    return typeof value === "object" && value !== null && BRAND in value;
  }
}
