import { CodedError, isCodedError } from "@plexum/coded-error";

export type McpBridgeErrorCode =
  /** A tool without a usable name, two tools with one name, a schema that is no object's, what JSON can't hold. */
  | "invalid_tools"
  /** A value that no environment variable, command line or socket address can hold; a time limit of nothing. */
  | "invalid_value"
  | "socket_path_too_long"
  /** The socket's directory is not ours alone. */
  | "socket_directory_unsafe"
  /** Something that is not our socket stands where the socket should be. */
  | "socket_path_taken"
  /** Another bridge is listening there. */
  | "socket_in_use"
  | "registration_failed";

/** What this package throws of its own accord; `message` says what to do. What the file system throws, it passes on. */
export class McpBridgeError extends CodedError<McpBridgeErrorCode> {
  constructor(code: McpBridgeErrorCode, message: string, options?: ErrorOptions) {
    super("McpBridgeError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is McpBridgeError {
    return isCodedError(value, "McpBridgeError");
  }
}
