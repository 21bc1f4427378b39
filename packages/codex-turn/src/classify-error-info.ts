import { failureOf } from "./classify-failure.ts";
import type { CodexTurnError } from "./errors.ts";
import { type Candidates, candidatesByStatus } from "./failure-table.ts";

/** What `codex app-server` reports about a failed turn. */
export interface ErrorInfo {
  readonly message: string;
  /** codex's `CodexErrorInfo`: a string, or an object with one key. Anything else is ignored. */
  readonly codexErrorInfo?: unknown;
  readonly additionalDetails?: string | undefined;
  /** The HTTP status of the last retry. Codex up to 0.150 reports the status only there. */
  readonly lastRetryStatus?: number | undefined;
}

/**
 * Returns the typed failure of a turn that ran on an app-server. The HTTP status decides if it is conclusive, otherwise
 * codex's error type. The words only distinguish between the failures that share a status or a type.
 */
export function classifyErrorInfo(info: ErrorInfo): CodexTurnError {
  const { message, codexErrorInfo, additionalDetails, lastRetryStatus } = info;
  const { name, status } = readInfo(codexErrorInfo);
  const byStatus = status === undefined ? undefined : candidatesByStatus(status);
  const byRetry = lastRetryStatus === undefined ? undefined : candidatesByStatus(lastRetryStatus);
  const detail = [message, additionalDetails].filter(Boolean).join(" ");
  // Without a status or a known type, the words decide. If they are not conclusive, the status of the last retry decides.
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
 * codex's `CodexErrorInfo` (0.135.0 and 0.169.0, from `codex app-server generate-ts`). Left out are `other` and `badRequest`,
 * which give no information, and `threadRollbackFailed` and `activeTurnNotSteerable`, which no turn can get.
 */
const BY_TYPE = new Map<string, Candidates>(
  Object.entries({
    contextWindowExceeded: ["contextTooLong"],
    sessionBudgetExceeded: ["spendLimit"], // 0.169.0, like the next ones.
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
