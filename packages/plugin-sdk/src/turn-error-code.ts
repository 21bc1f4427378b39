/**
 * The codes of failed turns that hosts know: in `error` events, and in `data.code` if a turn can't start. Use one where it
 * fits, since a host may retry or show a login depending on it. Other codes are allowed, and are shown with their message.
 */
export type TurnErrorCode =
  // The request.
  | "no_user_text"
  | "prompt_empty"
  | "prompt_too_long"
  | "image_unreadable"
  | "image_refused"
  // This machine.
  | "config_invalid"
  | "binary_not_found"
  | "binary_not_executable"
  | "version_unsupported"
  | "workspace_unusable"
  | "spawn_failed"
  | "app_server_unavailable"
  | "sandbox_failed"
  | "mcp_server_failed"
  | "io"
  // The session: another turn is using it, or the CLI can't load it.
  | "busy"
  | "thread_busy"
  | "thread_archived"
  | "thread_not_found"
  | "thread_unreadable"
  | "provider_changed"
  // The account.
  | "not_signed_in"
  | "access_blocked"
  | "plan_required"
  | "out_of_credits"
  | "spend_limit_reached"
  | "rate_limited"
  // The model and its server.
  | "model_refused"
  | "model_overloaded"
  | "server_error"
  | "connection_lost"
  | "context_too_long"
  | "answer_too_long"
  | "content_filtered"
  | "policy_denied"
  // How the CLI ended.
  | "timed_out"
  | "stalled"
  | "crashed"
  | "incomplete"
  | "failed"
  /** A fault of the provider: the SDK gives it to an error that has no code. */
  | "internal";
