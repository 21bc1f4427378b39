import { CodedError, isCodedError } from "@plexum/coded-error";

export type McpBridgeErrorCode =
  /** A tool without a usable name, two tools with the same name, a schema that isn't an object's, a value that JSON can't hold. */
  | "invalid_tools"
  /** A value that an environment variable, command line or socket address can't hold; a time limit of 0 or less. */
  | "invalid_value"
  | "socket_path_too_long"
  /** Other users can use the socket's directory. */
  | "socket_directory_unsafe"
  /** The socket's path holds something that is not our socket. */
  | "socket_path_taken"
  /** Another bridge is listening there. */
  | "socket_in_use"
  | "registration_failed";

/** An error that this package itself throws; `message` says what to do. File system errors are passed on unchanged. */
export class McpBridgeError extends CodedError<McpBridgeErrorCode> {
  constructor(code: McpBridgeErrorCode, message: string, options?: ErrorOptions) {
    super("McpBridgeError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is McpBridgeError {
    return isCodedError(value, "McpBridgeError");
  }
}
