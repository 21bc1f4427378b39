import { failureOf } from "./classify-failure.ts";
import type { CodexTurnError } from "./errors.ts";
import { type Candidates, candidatesByStatus } from "./failures.ts";

/** What `codex app-server` says of a failed turn. */
export interface ErrorInfo {
  readonly message: string;
  /** codex's `CodexErrorInfo`: a word, or an object with one key. Anything else counts as not given. */
  readonly codexErrorInfo?: unknown;
  readonly additionalDetails?: string | undefined;
  /** The HTTP status of the last retry, for a codex that names it there alone (up to 0.150). */
  readonly lastRetryStatus?: number | undefined;
}

/**
 * Returns the typed failure of a turn that ran on an app-server. What codex typed decides, then the HTTP status, then the
 * words: these only tell apart what has one type in common.
 */
export function classifyErrorInfo(info: ErrorInfo): CodexTurnError {
  const { message, codexErrorInfo, additionalDetails, lastRetryStatus } = info;
  const { name, status } = readInfo(codexErrorInfo);
  const byStatus = status === undefined ? undefined : candidatesByStatus(status);
  const byRetry = lastRetryStatus === undefined ? undefined : candidatesByStatus(lastRetryStatus);
  const detail = [message, additionalDetails].filter(Boolean).join(" ");
  // A type that says nothing more than that it failed leaves the words, and these the last retry.
  const candidates = byStatus ?? BY_TYPE.get(name);
  const error = failureOf(detail, candidates, { hasStarted: true });
  return error.code === "failed" && byRetry !== undefined ? failureOf(detail, byRetry, { hasStarted: true }) : error;
}

function readInfo(info: unknown): { readonly name: string; readonly status: number | undefined } {
  if (typeof info === "string") return { name: info, status: undefined };
  if (typeof info !== "object" || info === null) return { name: "other", status: undefined };
  const [[name, value] = ["other", undefined]] = Object.entries(info);
  const status = (value as { httpStatusCode?: unknown } | null | undefined)?.httpStatusCode;
  return { name, status: typeof status === "number" ? status : undefined };
}

const BROKEN_STREAM: Candidates = [
  "connectionLost",
  "contentFiltered",
  "answerTooLong",
  "loginServer",
  "loginExpired",
  "spendLimit",
  "outOfCredits",
  "usageLimit",
  "overloaded",
  "rateLimited",
];

/**
 * codex's `CodexErrorInfo` (0.135.0 and 0.169.0, by `codex app-server generate-ts`). Those that are left out say nothing:
 * `other`, `badRequest`, and what no turn can get, `threadRollbackFailed` and `activeTurnNotSteerable`.
 */
const BY_TYPE = new Map<string, Candidates>(
  Object.entries({
    contextWindowExceeded: ["contextTooLong"],
    sessionBudgetExceeded: ["spendLimit"], // 0.169.0, as the next ones.
    rateLimitExceeded: ["rateLimited", "outOfCredits", "spendLimit", "usageLimit"],
    flexUnavailable: ["overloaded"],
    policyCapacityUnavailable: ["overloaded"],
    modelNotFound: ["modelRefused"],
    inferenceHookDenied: ["policyDenied"],
    tooManyDenials: ["policyDenied"],
    misalignmentPolicyViolation: ["contentFiltered"],
    cyberPolicy: ["contentFiltered"],
    usageLimitExceeded: ["usageLimit", "spendLimit", "outOfCredits", "noPlan"],
    serverOverloaded: ["overloaded"],
    internalServerError: ["serverError"],
    unauthorized: ["notSignedIn", "loginExpired", "missingVariable", "loginServer"],
    sandboxError: ["sandbox"],
    httpConnectionFailed: BROKEN_STREAM,
    responseStreamConnectionFailed: BROKEN_STREAM,
    responseStreamDisconnected: BROKEN_STREAM,
    responseTooManyFailedAttempts: ["serverError", "rateLimited"],
  } satisfies Record<string, Candidates>),
);
