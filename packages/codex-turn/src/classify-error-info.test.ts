import { expect, test } from "vitest";
import { classifyErrorInfo, type ErrorInfo } from "./classify-error-info.ts";
import type { CodexTurnErrorCode } from "./errors.ts";

const withStatus = (type: string, httpStatusCode: number | null) => ({ [type]: { httpStatusCode } });

/** Errors as the app-servers of 0.135.0 and 0.169.0 report them, or as their `CodexErrorInfo` allows. */
test.each<[CodexTurnErrorCode, info: Partial<ErrorInfo>]>([
  ["context_too_long", { codexErrorInfo: "contextWindowExceeded", message: "any words" }],
  ["rate_limited", { codexErrorInfo: "usageLimitExceeded", message: "You've hit your usage limit." }],
  ["out_of_credits", { codexErrorInfo: "usageLimitExceeded", message: "Your workspace is out of credits." }],
  ["out_of_credits", { codexErrorInfo: "usageLimitExceeded", message: "Quota exceeded. Check your plan" }],
  ["spend_limit_reached", { codexErrorInfo: "usageLimitExceeded", message: "You hit your spend cap set in" }],
  ["plan_required", { codexErrorInfo: "usageLimitExceeded", message: "To use Codex with your ChatGPT plan, upgrade" }],
  ["spend_limit_reached", { codexErrorInfo: "sessionBudgetExceeded" }],
  ["model_overloaded", { codexErrorInfo: "serverOverloaded", message: "the rate limit is not the reason" }],
  ["model_overloaded", { codexErrorInfo: "policyCapacityUnavailable" }],
  ["model_refused", { codexErrorInfo: "modelNotFound" }],
  ["content_filtered", { codexErrorInfo: "cyberPolicy", message: "no model found" }],
  ["policy_denied", { codexErrorInfo: "tooManyDenials" }],
  ["server_error", { codexErrorInfo: "internalServerError", message: "the model does not exist" }],
  ["not_signed_in", { codexErrorInfo: "unauthorized", message: "Your access token could not be refreshed." }],
  ["sandbox_failed", { codexErrorInfo: "sandboxError" }],
  ["not_signed_in", { codexErrorInfo: withStatus("httpConnectionFailed", 401), message: "rate limit" }],
  [
    "access_blocked",
    { codexErrorInfo: withStatus("httpConnectionFailed", 403), message: "Access blocked by Cloudflare." },
  ],
  ["server_error", { codexErrorInfo: withStatus("httpConnectionFailed", 503), message: "Connection failed: x" }],
  ["connection_lost", { codexErrorInfo: withStatus("httpConnectionFailed", null), message: "Connection failed: x" }],
  ["rate_limited", { codexErrorInfo: withStatus("responseTooManyFailedAttempts", 429), message: "exceeded" }],
  ["server_error", { codexErrorInfo: withStatus("responseTooManyFailedAttempts", 500) }],
  ["connection_lost", { codexErrorInfo: withStatus("responseStreamDisconnected", null), message: "idle timeout" }],
  [
    "content_filtered",
    {
      codexErrorInfo: withStatus("responseStreamDisconnected", null),
      message: "stream disconnected before completion: Incomplete response returned, reason: content_filter",
    },
  ],
  ["server_error", { codexErrorInfo: "other", message: "Failed to refresh token: 500 Internal Server Error: x" }],
  ["not_signed_in", { codexErrorInfo: "other", message: "unexpected status 401 Unauthorized: x" }],
  ["server_error", { codexErrorInfo: "other", message: "who knows", lastRetryStatus: 503 }],
  ["failed", { codexErrorInfo: "other", message: "who knows", lastRetryStatus: 400 }],
  ["model_refused", { codexErrorInfo: "other", message: '{"detail":"The \'x\' model is not supported"}' }],
  ["model_refused", { codexErrorInfo: "badRequest", message: "The model `x` does not exist" }],
  ["failed", { codexErrorInfo: "aWordOfTomorrow", message: "who knows" }],
  ["failed", { codexErrorInfo: "constructor", message: "who knows" }],
  ["failed", { codexErrorInfo: { toString: 1 }, message: "who knows" }],
  ["failed", { codexErrorInfo: {}, message: "" }],
  ["failed", { codexErrorInfo: null, message: "no rollout found for thread id x" }],
  ["failed", { message: "thread x already has an active writer" }],
])("%s: %j", (code, info) => {
  expect(classifyErrorInfo({ message: "", ...info })).toMatchObject({ code });
});

test("the message and `detail` contain the additional details", () => {
  const error = classifyErrorInfo({ message: "Reconnecting", codexErrorInfo: "other", additionalDetails: "dns error" });
  expect(error).toMatchObject({ code: "connection_lost", detail: "Reconnecting dns error" });
  expect(error.message).toContain("Codex said: Reconnecting dns error");
});
