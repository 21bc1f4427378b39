import { expect, test } from "vitest";
import { classifyFailure } from "./classify-failure.ts";
import type { CodexTurnErrorCode } from "./errors.ts";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";

/** As codex 0.135.0 and 0.169.0 word them, save where a version is named. */
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
  ["rate_limited", "Quota exceeded. Check your plan and billing details."],
  ["rate_limited", '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}'],
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

test("the message gives the advice, then codex's words out of their JSON and without the backtrace", () => {
  const body = '{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}';
  expect(classifyFailure(body).message).toMatch(
    /choose another.* Codex said: The model `x` does not exist \(model_not_found\)$/,
  );
  const { message, detail } = classifyFailure("Error: no idea\n\nStack backtrace:\n   0: std::backtrace");
  expect(message).toBe("The turn failed. Codex said: Error: no idea");
  expect(detail).toContain("std::backtrace");
  expect(classifyFailure("null").message).toBe("The turn failed. Codex said: null");
});

test("a long text is quoted by its end", () => {
  const { message, detail } = classifyFailure(`${"x".repeat(100_000)} the reason`);
  expect(message.length).toBeLessThan(2200);
  expect(message.endsWith("the reason")).toBe(true);
  expect(detail).toHaveLength(100_011);
});
