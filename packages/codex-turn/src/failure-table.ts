import type { CodexTurnErrorCode } from "./errors.ts";

export interface Failure {
  readonly code: CodexTurnErrorCode;
  /**
   * Matches codex's words: `CodexErr` in codex's protocol/src/error.rs and the messages of login/src/auth/manager.rs, found
   * in the binaries of 0.135.0 and 0.169.0 unless a comment names a version. Patterns have no unbounded repetition, because
   * the words may come from a model server and have any length.
   */
  readonly pattern: RegExp;
  /** What happened, and what to do about it. */
  readonly advice: string;
  /** True if codex reports it only before a turn starts. */
  readonly isBeforeTurn?: true;
}

const table = <Name extends string>(failures: Record<Name, Failure>) => failures;

/** In the order in which the patterns are tried: more specific ones first. */
export const FAILURES = table({
  threadBusy: {
    code: "thread_busy",
    // From 0.147 on. The "live local writer" is codex's own, which could not write its last lines (0.169.0).
    pattern: /already has an active writer|already has a live local writer|thread writer coordination lock/,
    advice: "Another codex has this thread open: wait until it finishes or end it, then try again.",
    isBeforeTurn: true,
  },
  threadArchived: {
    code: "thread_archived",
    pattern: /session \S{1,200} is archived|codex unarchive/, // 0.136 to 0.169.
    advice: 'The thread is archived: restore it with "codex unarchive <thread id>".',
    isBeforeTurn: true,
  },
  threadNotFound: {
    code: "thread_not_found",
    pattern: /no rollout found for thread id/,
    advice:
      "Codex has no record of this thread (deleted, or created on another machine or with another CODEX_HOME): start a new thread.",
    isBeforeTurn: true,
  },
  providerChanged: {
    code: "provider_changed",
    // 0.169.0 and 0.171.0, by exec only; 0.166.0 and 0.167.2, by both.
    pattern: /Cannot change this thread's model provider|This chat uses .{1,200}, but your current provider is /,
    advice:
      "Codex does not continue this thread with another model provider: choose the thread's own for the turn, or start a new thread.",
    isBeforeTurn: true,
  },
  promptTooLong: {
    code: "prompt_too_long",
    pattern: /Input exceeds the maximum length|input_too_large/,
    advice:
      "The prompt is longer than codex accepts: put the text into a file in the workspace and name the file instead.",
  },
  mcpServer: {
    code: "mcp_server_failed",
    pattern: /required MCP server/i,
    advice: 'An MCP server that the configuration requires did not start: check it with "codex mcp list".',
    isBeforeTurn: true,
  },
  config: {
    code: "config_invalid",
    pattern:
      /Model provider `[^`]{0,200}` not found|error loading (default )?config|config\.toml|invalid (value|type) for|error: unexpected argument|error: invalid value/i,
    advice:
      "Codex can't use its configuration or one of its arguments: correct config.toml in CODEX_HOME, or the extra arguments.",
    isBeforeTurn: true,
  },
  missingVariable: {
    code: "not_signed_in",
    pattern: /Missing environment variable: `/,
    advice:
      "The model provider in codex's config reads its API key from an environment variable that is not set: set it for the program that runs codex, and restart that program.",
  },
  loginServer: {
    code: "server_error",
    // Any status except 401, which is permanent and has the words of loginExpired.
    pattern: /Failed to refresh token: [1-5]\d\d/,
    advice:
      "The login server has a problem, so codex could not renew its login: try again later. Signing in again does not help.",
  },
  loginExpired: {
    code: "not_signed_in",
    pattern:
      /could not be refreshed|refresh token (has expired|was already used|was revoked)|refresh_token_(expired|reused|invalidated)|Please (log out and )?sign in again/i,
    advice:
      'Codex\'s login is no longer valid: run "codex logout" and then "codex login", as the user that codex runs as. If a login is copied to several machines, renewing it on one ends the others.',
  },
  cloudflare: {
    code: "access_blocked",
    pattern:
      /blocked by Cloudflare|Unable to load site|unsupported_country_region_territory|not supported in your (country|region)/i,
    advice:
      "Cloudflare or the model server blocks this machine's network, usually because of its region, a VPN or a proxy: use another network. Signing in again does not help.",
  },
  spendLimit: {
    code: "spend_limit_reached",
    pattern: /\bspend cap\b|spend[_ ]limit|session budget|budget_reached/i,
    advice:
      "A spending limit is reached: raise it, or ask the owner of the ChatGPT workspace or API organization to raise it. Waiting helps only if the limit is per month.",
  },
  outOfCredits: {
    code: "out_of_credits",
    // Not every quota: a disk has one too. 402 and "insufficient balance" are from other providers.
    pattern:
      /out of credits|credit limit|Quota exceeded\. Check|current quota|insufficient_quota|billing_hard_limit|Insufficient (Balance|credits)|Payment Required/i,
    advice:
      "The account has no credits left: add credits, or ask the owner of the workspace to add some. Waiting does not help.",
  },
  noPlan: {
    code: "plan_required",
    pattern: /To use Codex with your ChatGPT plan|usage[_ ]not[_ ]included/i,
    advice: "The ChatGPT account's plan does not include codex: upgrade the plan, or sign in with an API key.",
  },
  usageLimit: {
    code: "rate_limited",
    pattern: /hit your usage limit|usage[_ ]limit/i,
    advice: "The plan's usage limit is reached: wait until it resets, choose another model, or buy credits.",
  },
  overloaded: {
    code: "model_overloaded",
    pattern:
      /(model is at|Policy-restricted|Flex) capacity|capacity (is )?unavailable|server[_ ](is[_ ])?overloaded|slow_down|\boverloaded_error\b/i,
    advice: "The model is at capacity: try again in a few minutes, or choose another model.",
  },
  rateLimited: {
    code: "rate_limited",
    pattern: /429 Too Many Requests|rate[_ ]limit/i,
    advice: "Too many requests in a short time: wait a little, or choose another model or plan.",
  },
  contentFiltered: {
    code: "content_filtered",
    pattern:
      /content[_ ]filter|content policy|(cyber|bio|misalignment)[_ ]policy|flagged for p(ossible|otentially)|\bcontent_policy_violation\b/i,
    advice:
      "A safety filter of the model server stopped the request or the answer: rephrase the task, or leave out what may have triggered the filter. The connection is fine.",
  },
  policyDenied: {
    code: "policy_denied",
    pattern: /inference hook|access program|too many denials/i, // 0.169.0.
    advice: "A policy of the account's workspace does not allow this request: ask its administrator.",
  },
  answerTooLong: {
    code: "answer_too_long",
    pattern: /Incomplete response returned, reason: max_output_tokens/,
    advice: "The model's answer reached its maximum length: ask for less at once.",
  },
  contextTooLong: {
    code: "context_too_long",
    pattern:
      /ran out of room in the model's context window|context_length_exceeded|exceeds the context window|context window exceeded/i,
    advice: "The thread no longer fits the model's context: start a new thread, or consume earlier tool results.",
  },
  imageRefused: {
    code: "image_refused",
    pattern: /Image poisoning|does not represent a valid image|got empty base64-encoded bytes/,
    advice:
      "The model server can't read an image of this conversation: send PNG, JPEG, GIF or WebP. If it was sent in an earlier turn, start a new thread.",
  },
  modelRefused: {
    code: "model_refused",
    // Within one line, because stderr has lines about models before the reason. Missing metadata of a model is not a refusal.
    pattern:
      /model (?!metadata ).{0,200}(does not exist|not supported|not found|do not have access|not available)|model_not_found|The '.{0,200}' model/i,
    advice:
      "The account may not use this model, or the model does not exist: choose another. With a ChatGPT login it is best to name none.",
  },
  notSignedIn: {
    code: "not_signed_in",
    pattern: /401 Unauthorized|not (logged|signed) in|codex login|Token data is not available|API key auth is missing/i,
    advice:
      'Codex is not signed in, or its login is no longer valid: run "codex login" as the user that codex runs as, or set the API key of its model provider.',
  },
  accountRefused: {
    code: "not_signed_in",
    pattern: /403 Forbidden/,
    advice:
      'The model server rejects this account: check what the account may use, and sign in again with "codex login".',
  },
  wrongAddress: {
    code: "config_invalid",
    pattern: /unexpected status (404|405)/,
    advice:
      "The model server does not have this address: check base_url and wire_api of the model provider in codex's config.toml.",
  },
  requestTooLarge: {
    code: "context_too_long",
    pattern: /unexpected status 413|Payload Too Large/,
    advice:
      "The request is larger than the model server accepts: start a new thread, or consume earlier tool results and images.",
  },
  sandbox: {
    code: "sandbox_failed",
    pattern: /sandbox error: |codex-linux-sandbox|Landlock was not able|seccomp (setup|backend) error/,
    advice:
      'Codex could not set up the sandbox for commands on this machine: run the turn with the sandbox "danger-full-access", or allow unprivileged user namespaces.',
  },
  connectionLost: {
    code: "connection_lost",
    pattern:
      /stream disconnected|error sending request|[Cc]onnection (refused|reset|closed|failed)|network error|(request )?timed out|waiting for (child process|network)|dns error|Error while reading the server response/,
    advice:
      "The connection to the model server was lost and could not be restored: check the network and the proxy, then try again.",
  },
  serverError: {
    code: "server_error",
    pattern:
      /unexpected status 5\d\d|experiencing high demand|internal server error|Service Unavailable|last status: 5\d\d|agent loop died/i,
    advice: "The model server has a problem: try again later.",
  },
});

export type FailureName = keyof typeof FAILURES;

/** Possible failures: the words decide which one it is. If they name none, it is the first. */
export type Candidates = readonly [otherwise: FailureName, ...byWords: FailureName[]];

/** Returns the possible failures for an HTTP status. Returns undefined for a status that gives no information, such as 400. */
export function candidatesByStatus(status: number): Candidates | undefined {
  if (status >= 500 && status <= 599) return ["serverError", "loginServer", "overloaded", "cloudflare"];
  return BY_STATUS[status];
}

const BY_STATUS: Record<number, Candidates> = {
  401: ["notSignedIn", "loginExpired", "missingVariable", "loginServer"],
  402: ["outOfCredits", "spendLimit", "noPlan"],
  403: [
    "accountRefused",
    "cloudflare",
    "noPlan",
    "contentFiltered",
    "policyDenied",
    "modelRefused",
    "outOfCredits",
    "spendLimit",
  ],
  404: ["wrongAddress", "modelRefused"],
  405: ["wrongAddress"],
  408: ["connectionLost"],
  413: ["requestTooLarge", "contextTooLong"],
  429: ["rateLimited", "spendLimit", "outOfCredits", "noPlan", "usageLimit", "overloaded"],
};
