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

const BRAND = Symbol.for("@plexum/mcp-bridge/error");

/** What this package throws of its own accord; `message` says what to do. What the file system throws, it passes on. */
export class McpBridgeError extends Error {
  readonly code: McpBridgeErrorCode;

  constructor(code: McpBridgeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "McpBridgeError";
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Works where `instanceof` does not: when two copies of this package are installed. */
  static isInstance(value: unknown): value is McpBridgeError {
    return value instanceof Error && BRAND in value;
  }
}
