import { messageOf } from "@plexum/coded-error";
import { CodexTurnError, type CodexTurnErrorCode } from "@plexum/codex-turn";
import { SessionStoreError } from "@plexum/session-store";
import { CodexCommandsError, type CodexCommandsErrorCode } from "./errors.ts";

const CODES: Partial<Record<CodexTurnErrorCode, CodexCommandsErrorCode>> = {
  prompt_empty: "invalid_params",
  prompt_too_long: "invalid_params",
  thread_busy: "session_busy",
  thread_not_found: "session_not_found",
};

/** Failures whose message doesn't quote codex. */
const SILENT: readonly CodexTurnErrorCode[] = ["timed_out", "crashed", "incomplete"];

/** How much of the end of codex's stderr a message quotes, in characters. */
const MAX_QUOTED = 2000;

export const noSuchSession = (sessionId: string) =>
  new CodexCommandsError(
    "session_not_found",
    `There is no codex session ${sessionId} on this machine: take the id from the list of sessions.`,
  );

/** Returns one error for a failed turn. Its message has everything: a host passes on nothing else. */
export function asResumeError(error: unknown, sessionId: string): CodexCommandsError {
  if (CodexCommandsError.isInstance(error)) return error;
  const cause = error;
  if (SessionStoreError.isInstance(error)) {
    return error.code === "busy"
      ? new CodexCommandsError("session_busy", `Session ${sessionId} can't be resumed now. ${error.message}`, { cause })
      : new CodexCommandsError("resume_failed", error.message, { cause });
  }
  if (!CodexTurnError.isInstance(error)) {
    return new CodexCommandsError("resume_failed", messageOf(error), { cause });
  }
  const said = SILENT.includes(error.code) ? withoutBacktrace(error.detail ?? "").slice(-MAX_QUOTED) : "";
  const message = said === "" ? error.message : `${error.message} The end of codex's stderr: ${said}`;
  return new CodexCommandsError(CODES[error.code] ?? "resume_failed", message, { cause });
}

const withoutBacktrace = (text: string) => text.split("Stack backtrace:", 1)[0]?.trim() ?? "";
