import { expect, test, vi } from "vitest";
import { classifyFailure } from "./classify-failure.ts";
import type { CodexTurnErrorCode } from "./errors.ts";
import { FAILURES } from "./failure-table.ts";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";

/** The words of codex 0.135.0 and 0.169.0, unless a version is named. */
test.each<[CodexTurnErrorCode, said: string]>([
  [
    "thread_not_found",
    `Error: thread/resume: thread/resume failed: no rollout found for thread id ${ID} (code -32600)`,
  ],
  ["thread_busy", `thread-store conflict: thread ${ID} already has an active writer (code -32600)`], // 0.147
  ["thread_busy", "timed out waiting for the thread writer coordination lock"], // 0.147
  ["thread_archived", `session ${ID} is archived. Run \`codex unarchive ${ID}\``], // 0.169.0
  ["prompt_too_long", "Error: turn/start: Input exceeds the maximum length of 1048576 characters."],
  ["mcp_server_failed", "Error: required MCP servers failed to initialize: tools: handshaking failed"],
  ["config_invalid", "Error: Model provider `none` not found"],
  ["config_invalid", "Error loading config.toml: invalid type: integer `1`, expected a string"],
  ["config_invalid", "error: unexpected argument '--nope' found"],
  ["not_signed_in", "unexpected status 401 Unauthorized: Incorrect API key, url: http://127.0.0.1/v1/responses"],
  ["not_signed_in", "unexpected status 403 Forbidden: no"],
  ["rate_limited", "exceeded retry limit, last status: 429 Too Many Requests"],
  ["rate_limited", "You've hit your usage limit. Upgrade to Pro"],
  ["rate_limited", "You've hit your usage limit for GPT-5.6. Switch to another model now, or try again at 3:05 PM."],
  ["rate_limited", "exceeded retry limit, last status: 429 Too Many Requests, request id: req_5039f"],
  ["out_of_credits", "Quota exceeded. Check your plan and billing details."],
  ["out_of_credits", '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}'],
  ["out_of_credits", "Your workspace is out of credits. Add credits to continue."],
  ["out_of_credits", "Your workspace is out of credits. Ask your workspace owner to refill in order to continue."],
  ["out_of_credits", "unexpected status 402 Payment Required: Insufficient Balance"],
  ["spend_limit_reached", "You hit your spend cap set in your workspace. Increase your spend cap to continue."],
  ["spend_limit_reached", "You hit your spend cap set by the owner of your workspace. Ask an owner to increase your …"],
  ["plan_required", "To use Codex with your ChatGPT plan, upgrade to Plus: https://chatgpt.com/explore/plus."],
  ["model_overloaded", "Selected model is at capacity. Please try a different model."],
  ["model_overloaded", "Policy-restricted capacity is unavailable. Please try again later."], // 0.169.0
  [
    "not_signed_in",
    "Your access token could not be refreshed because your refresh token was already used. Please log …",
  ],
  ["not_signed_in", "Your access token could not be refreshed. Please log out and sign in again."],
  [
    "not_signed_in",
    "Your authentication session could not be refreshed automatically. Please log out and sign in again.",
  ],
  ["not_signed_in", "Missing environment variable: `MY_KEY`."],
  ["server_error", "Failed to refresh token: 500 Internal Server Error: try again"],
  ["server_error", "Failed to refresh token: 403 Forbidden: <html>"],
  [
    "access_blocked",
    "Access blocked by Cloudflare. This usually happens when connecting from a restricted region (status 403 Forbidden), url: https://chatgpt.com/backend-api/codex/responses, cf-ray: 9c81f9f18f2fa49d-LHR",
  ],
  ["content_filtered", "stream disconnected before completion: Incomplete response returned, reason: content_filter"],
  ["content_filtered", "This request has been flagged for possible cybersecurity risk."],
  ["answer_too_long", "stream disconnected before completion: Incomplete response returned, reason: max_output_tokens"],
  ["policy_denied", "Your workspace inference hook blocked this request."], // 0.169.0
  ["image_refused", "Image poisoning"],
  ["sandbox_failed", "sandbox error: Landlock was not able to fully enforce all sandbox rules"],
  ["config_invalid", "unexpected status 404 Not Found: <html>nginx</html>, url: http://127.0.0.1/responses"],
  ["context_too_long", "unexpected status 413 Payload Too Large: "],
  ["connection_lost", "request timed out"],
  ["server_error", "exceeded retry limit, last status: 500 Internal Server Error"],
  ["server_error", "unexpected status 503 Service Unavailable: the rate limit page is not available"],
  ["context_too_long", "Codex ran out of room in the model's context window. Start a new thread."],
  ["model_refused", `{"detail":"The 'x' model is not supported when using Codex with a ChatGPT account."}`],
  ["model_refused", '{"error":{"message":"no access","code":"model_not_found"}}'],
  ["connection_lost", "stream disconnected before completion: error sending request for url"],
  ["server_error", "unexpected status 502 Bad Gateway: <html>"],
  ["server_error", "We're currently experiencing high demand, which may cause temporary errors."],
  ["failed", "Error: failed to write the rollout: Disk quota exceeded (os error 122)"],
  ["failed", "Model metadata for `gpt-5` not found. Defaulting to fallback metadata\nError: no idea"],
  ["failed", "Model gpt-5 is used\nsh: 1: rg: command not found"],
  ["failed", "something new"],
  ["failed", ""],
])("%s: %s", (code, said) => {
  expect(classifyFailure(said)).toMatchObject({ code, detail: said });
});

test.each([
  `thread/resume failed: no rollout found for thread id ${ID}`,
  `thread ${ID} already has an active writer`,
  `session ${ID} is archived`,
  "required MCP servers failed to initialize",
])("codex's words from before a turn don't classify a failure of a running one: %s", (said) => {
  expect(classifyFailure(said, { hasStarted: true })).toMatchObject({ code: "failed", detail: said });
  expect(classifyFailure(said).code).not.toBe("failed");
});

test("each advice names what to do, and no pattern has an unbounded repetition", () => {
  for (const { advice, pattern } of Object.values(FAILURES)) {
    expect(advice).toMatch(/: \S.*\.$/s);
    // "The '.{0,200}'" is fine. ".*" and "\\s+" are not: they take quadratic time on a server's text.
    expect(pattern.source.replace(/\\./g, "x")).not.toMatch(/[*+]|\{\d*,\}/);
  }
});

test("only a bounded part of any text is matched against a pattern", () => {
  const seen: number[] = [];
  const test = vi.spyOn(RegExp.prototype, "test").mockImplementation((text) => {
    seen.push(text.length);
    return false;
  });
  try {
    const parts = [
      "model ",
      "The ' ",
      "session ",
      "{",
      "\n ",
      "\n",
      '{"error":{"message":"',
      "Stack backtrace",
      "unexpected status ",
    ];
    for (const part of parts) classifyFailure(part.repeat(300_000 / part.length));
    classifyFailure(JSON.stringify({ error: { message: "model ".repeat(50_000) } }));
    classifyFailure("x".repeat(3_000_000));
  } finally {
    test.mockRestore();
  }
  expect(seen.length).toBeGreaterThan(100);
  expect(Math.max(...seen)).toBeLessThan(10_000);
});

test("finds the reason at either end of a long text", () => {
  const filler = "model ".repeat(50_000);
  expect(classifyFailure(`Quota exceeded. Check ${filler}`).code).toBe("out_of_credits");
  expect(classifyFailure(`${filler} Quota exceeded. Check`).code).toBe("out_of_credits");
});

test("the message has the advice, then codex's words, extracted from JSON and without a backtrace", () => {
  const body = '{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}';
  expect(classifyFailure(body).message).toMatch(
    /choose another.* Codex said: The model `x` does not exist \(model_not_found\)$/,
  );
  const { message, detail } = classifyFailure("Error: no idea\n\nStack backtrace:\n   0: std::backtrace");
  expect(message).toBe("The turn failed. Codex said: Error: no idea");
  expect(detail).toContain("std::backtrace");
  expect(classifyFailure("null").message).toBe("The turn failed. Codex said: null");
});

test("the message quotes the end of a long text", () => {
  const { message, detail } = classifyFailure(`${"x".repeat(100_000)} the reason`);
  expect(message.length).toBeLessThan(2200);
  expect(message.endsWith("the reason")).toBe(true);
  expect(detail).toHaveLength(100_011);
});
