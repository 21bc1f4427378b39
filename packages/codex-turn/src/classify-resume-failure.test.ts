import { expect, test } from "vitest";
import { classifyResumeFailure } from "./classify-resume-failure.ts";
import { threadProviderIn } from "./thread-provider.ts";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";

const CHAT_OF_ANOTHER =
  "thread/resume failed: This chat uses a, b, but your current provider is other. Switch to a, b to continue.";

test.each([
  ["thread_unreadable", "failed to read thread: rollout at /x.jsonl does not start with session metadata"],
  ["thread_unreadable", "failed to read thread /x.jsonl: stream did not contain valid UTF-8"],
  ["thread_unreadable", "error resuming thread: Fatal error: Failed to initialize session: EOF while parsing"],
  ["thread_unreadable", "failed to read thread /home/a rate limit/429 Too Many Requests/x.jsonl: is empty"],
  ["thread_unreadable", ""],
  ["thread_not_found", `no rollout found for thread id ${ID}`],
  ["thread_busy", `thread-store conflict: thread ${ID} already has an active writer`],
  ["thread_archived", `session ${ID} is archived`],
  ["mcp_server_failed", "required MCP servers failed to initialize: x"],
  ["config_invalid", "Model provider `none` not found"],
  [
    "provider_changed",
    "failed to load configuration: Cannot change this thread's model provider from `a` to `b` on resume. (code -32600)",
  ],
  ["failed", "error resuming thread: database is locked"],
  ["model_overloaded", "Server overloaded; retry later."],
  ["failed", "failed to read thread /x.jsonl: No space left on device (os error 28)"],
  [
    "failed",
    "error resuming thread: Fatal error: Failed to initialize session: thread-store internal error: failed to resume local thread recorder: Read-only file system (os error 30)",
  ],
  ["failed", "failed to read thread /x.jsonl: Permission denied (os error 13)"],
  ["failed", "failed to read thread /x.jsonl: Operation not permitted (os error 1)"],
  ["failed", "failed to read thread /x.jsonl: Input/output error (os error 5)"],
  ["failed", "failed to read thread /x.jsonl: Stale file handle (os error 116)"],
  ["thread_unreadable", "failed to read thread /x.jsonl: Is a directory (os error 21)"],
  ["provider_changed", CHAT_OF_ANOTHER],
  [
    "thread_busy",
    `error resuming thread: Fatal error: Failed to initialize session: invalid thread-store request: thread ${ID} already has a live local writer`,
  ],
])("%s: %s", (code, said) => {
  expect(classifyResumeFailure(said)).toMatchObject({ code, detail: said });
});

test("a changed provider's error names the thread's own", () => {
  expect(threadProviderIn("Cannot change this thread's model provider from `a b` to `c` on resume.")).toBe("a b");
  expect(threadProviderIn(CHAT_OF_ANOTHER)).toBe("a, b");
  expect(threadProviderIn("no rollout found")).toBeUndefined();
});

test("the message contains codex's words with the name of the file", () => {
  expect(classifyResumeFailure("failed to read thread /x.jsonl: is empty").message).toMatch(
    /start a new thread.* Codex said: .*\/x\.jsonl: is empty$/,
  );
});
