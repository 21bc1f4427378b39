import { CodexTurnError, type CodexTurnErrorCode, type CodexTurnErrorOptions } from "./errors.ts";

interface Failure {
  readonly code: CodexTurnErrorCode;
  /** How codex words it. Each was seen in 0.135.0 and 0.169.0 unless it says otherwise. */
  readonly pattern: RegExp;
  readonly advice: string;
}

/** The first that matches counts: the more particular ones stand first. */
const FAILURES: readonly Failure[] = [
  {
    code: "thread_busy",
    pattern: /already has an active writer|thread writer coordination lock/, // From 0.147 on.
    advice: "Another codex has this thread open: let it finish or end it, then try again.",
  },
  {
    code: "thread_archived",
    pattern: /session \S+ is archived|codex unarchive/, // 0.136 to 0.169.
    advice: 'The thread is archived: bring it back with "codex unarchive <thread id>".',
  },
  {
    code: "thread_not_found",
    pattern: /no rollout found for thread id/,
    advice:
      "Codex has no record of this thread (deleted, or made on another machine or under another CODEX_HOME): start a new thread.",
  },
  {
    code: "prompt_too_long",
    pattern: /Input exceeds the maximum length|input_too_large/,
    advice:
      "The prompt is longer than codex takes: put the text into a file in the workspace and name the file instead.",
  },
  {
    code: "mcp_server_failed",
    pattern: /required MCP server/i,
    advice: 'An MCP server that the configuration requires did not start: look at it with "codex mcp list".',
  },
  {
    code: "config_invalid",
    pattern:
      /Model provider `.*` not found|[Ee]rror loading config|config\.toml|invalid (value|type) for|error: unexpected argument|error: invalid value/,
    advice:
      "Codex can't use its configuration or a flag it was given: correct config.toml in CODEX_HOME, or the extra arguments.",
  },
  {
    code: "not_signed_in",
    pattern: /401 Unauthorized|[Nn]ot (logged|signed) in|refresh token|codex login/,
    advice:
      'Codex is not signed in, or its login is no longer valid: run "codex login" as the user this runs as, or set the API key of its model provider.',
  },
  {
    code: "rate_limited",
    // Not each quota: a disk has one too.
    pattern: /429 Too Many Requests|usage limit|rate limit|current quota|Quota exceeded\. Check|insufficient_quota/i,
    advice: "The account's limit is reached: wait until it is renewed, or choose another model or plan.",
  },
  {
    code: "context_too_long",
    pattern: /ran out of room in the model's context window|context_length_exceeded|exceeds the context window/,
    advice: "The thread no longer fits the model's context: start a new thread, or consume earlier tool results.",
  },
  {
    code: "model_refused",
    // On one line, since stderr has lines about models before the reason. That their metadata is not found is no refusal.
    pattern:
      /model (?!metadata ).*(does not exist|not supported|not found|do not have access|not available)|model_not_found|The '.*' model/i,
    advice:
      "The account may not use this model, or it does not exist: choose another. A ChatGPT login works best with none named.",
  },
  {
    code: "not_signed_in",
    pattern: /403 Forbidden/,
    advice: 'The model server refuses this account: check what it may use, and sign in again with "codex login".',
  },
  {
    code: "connection_lost",
    pattern:
      /stream disconnected|error sending request|[Cc]onnection (refused|reset|closed|failed)|network error|timed out waiting for|dns error/,
    advice:
      "The connection to the model server broke and did not come back: check the network and the proxy, then try again.",
  },
  {
    code: "server_error",
    pattern:
      /unexpected status 5\d\d|experiencing high demand|[Ii]nternal server error|Service Unavailable|last status: 5\d\d/,
    advice: "The model server has trouble of its own: try again later.",
  },
];

/** How much of codex's words a message repeats, in characters: their end, where the reason stands. All of it is in `detail`. */
const MAX_QUOTED = 2000;

/** The typed failure behind codex's words. */
export function classifyFailure(detail: string, options: Omit<CodexTurnErrorOptions, "detail"> = {}): CodexTurnError {
  const text = readable(detail);
  const failure = FAILURES.find(({ pattern }) => pattern.test(text));
  const said = text === "" ? "" : ` Codex said: ${text.length > MAX_QUOTED ? `… ${text.slice(-MAX_QUOTED)}` : text}`;
  if (failure === undefined) {
    return new CodexTurnError("failed", `The turn failed.${said || " Codex said nothing about it."}`, {
      ...options,
      detail,
    });
  }
  return new CodexTurnError(failure.code, `${failure.advice}${said}`, { ...options, detail });
}

/** The message inside a JSON error body, which codex hands on as it got it; without a backtrace. */
function readable(detail: string): string {
  const text = detail.split(/\n\s*Stack backtrace:/, 1)[0]?.trim() ?? "";
  try {
    const body = JSON.parse(text) as { detail?: unknown; error?: { message?: unknown; code?: unknown } };
    const message = body.error?.message ?? body.detail;
    if (typeof message === "string")
      return typeof body.error?.code === "string" ? `${message} (${body.error.code})` : message;
  } catch {
    // Not JSON: as it stands.
  }
  return text;
}
