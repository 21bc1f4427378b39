import { classifyFailure } from "./classify-failure.ts";
import { CodexTurnError, type CodexTurnErrorOptions } from "./errors.ts";

/**
 * The machine's state, not the thread's: too many open files, no space, out of memory, try again, a file that this user may not
 * write to, a read-only or failing disk (by errno, on Linux and macOS), a locked database, and an app-server with too much to do.
 */
const PASSING =
  /\(os error (1|5|11|12|13|16|23|24|28|30|35|69|70|116|122)\)|database is locked|Server overloaded|timed out/;

/** The answers about a thread, and those about codex's own setup: they would be the same for any thread. */
const OTHER_REASONS: readonly string[] = [
  "thread_busy",
  "thread_archived",
  "thread_not_found",
  "mcp_server_failed",
  "config_invalid",
];

/**
 * Returns the typed failure of a thread that codex did not load. Codex words each kind of damage in its own way, and in
 * others from version to version, so what it has no other reason for is `thread_unreadable`.
 */
export function classifyResumeFailure(
  detail: string,
  options: Omit<CodexTurnErrorOptions, "detail"> = {},
): CodexTurnError {
  const known = classifyFailure(detail, options);
  if (OTHER_REASONS.includes(known.code) || PASSING.test(detail)) return known;
  const said = known.message.indexOf("Codex said: ");
  return new CodexTurnError(
    "thread_unreadable",
    `Codex can't load this thread, as a rule because its session file is damaged: start a new thread, or restore the file.${said === -1 ? "" : ` ${known.message.slice(said)}`}`,
    { ...options, detail },
  );
}
