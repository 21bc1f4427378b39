import { CodedError, isCodedError } from "@plexum/coded-error";

/**
 * - `start_failed`: the plugin could not be started, or did not complete the handshake.
 * - `protocol_violation`: the other side sent what the protocol does not allow.
 * - `stream_contract`: a plugin emitted events in an order that the protocol does not allow.
 * - `event_overflow`: a host left too many events of a stream unread.
 * - `shutdown_timeout`: a plugin's handlers did not end in time after their signals aborted.
 * - `no_user_text`: a request has no user message with text or an image.
 */
export type PluginSdkErrorCode =
  | "start_failed"
  | "protocol_violation"
  | "stream_contract"
  | "event_overflow"
  | "shutdown_timeout"
  | "no_user_text";

/** Every error that this package itself throws. */
export class PluginSdkError extends CodedError<PluginSdkErrorCode> {
  constructor(code: PluginSdkErrorCode, message: string, options?: ErrorOptions) {
    super("PluginSdkError", code, message, options);
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is PluginSdkError {
    return isCodedError(value, "PluginSdkError");
  }
}
