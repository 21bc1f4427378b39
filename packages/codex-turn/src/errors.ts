import { CodedError, isCodedError } from "@plexum/coded-error";

/** Everything that can go wrong with a turn. */
export type CodexTurnErrorCode =
  // Before codex starts.
  | "binary_not_found"
  | "binary_not_executable"
  | "version_unsupported"
  | "prompt_empty"
  | "prompt_too_long"
  | "image_unreadable"
  | "workspace_unusable"
  | "spawn_failed"
  | "app_server_unavailable"
  // Reported by codex.
  | "not_signed_in"
  | "access_blocked"
  | "plan_required"
  | "out_of_credits"
  | "spend_limit_reached"
  | "rate_limited"
  | "model_overloaded"
  | "model_refused"
  | "content_filtered"
  | "policy_denied"
  | "image_refused"
  | "answer_too_long"
  | "context_too_long"
  | "server_error"
  | "connection_lost"
  | "sandbox_failed"
  | "thread_not_found"
  | "thread_unreadable"
  | "thread_archived"
  | "thread_busy"
  | "provider_changed"
  | "config_invalid"
  | "mcp_server_failed"
  // How the turn ended.
  | "timed_out"
  | "stalled"
  | "crashed"
  | "incomplete"
  | "failed";

export interface CodexTurnErrorOptions {
  readonly cause?: unknown;
  /** What codex said, verbatim: its error message, or the end of its stderr. */
  readonly detail?: string;
  readonly exitCode?: number | null;
  readonly signal?: NodeJS.Signals | null;
}

/** A turn could not start or failed. `message` says what to do about it, and `detail` has codex's own words. */
export class CodexTurnError extends CodedError<CodexTurnErrorCode> {
  readonly detail: string | undefined;
  readonly exitCode: number | null | undefined;
  readonly signal: NodeJS.Signals | null | undefined;

  constructor(code: CodexTurnErrorCode, message: string, options: CodexTurnErrorOptions = {}) {
    super("CodexTurnError", code, message, { cause: options.cause });
    this.detail = options.detail;
    this.exitCode = options.exitCode;
    this.signal = options.signal;
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is CodexTurnError {
    return isCodedError(value, "CodexTurnError");
  }
}
