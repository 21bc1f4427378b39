import { classifyFailure } from "./classify-failure.ts";
import { CodexTurnError, type CodexTurnErrorOptions } from "./errors.ts";

/**
 * Temporary problems of the machine, not of the thread: too many open files, no space, out of memory, try again, a file that this
 * user may not write to, a read-only or failing disk (by errno, on Linux and macOS), a locked database, and an overloaded app-server.
 */
const TEMPORARY =
  /\(os error (1|5|11|12|13|16|23|24|28|30|35|69|70|116|122)\)|database is locked|Server overloaded|timed out/;

/** Reasons other than a damaged thread: other states of the thread, and problems of codex's setup, which affect any thread. */
const OTHER_REASONS: readonly string[] = [
  "thread_busy",
  "thread_archived",
  "thread_not_found",
  "provider_changed",
  "mcp_server_failed",
  "config_invalid",
];

/**
 * Returns the typed failure of a thread that codex did not load. Codex has different words for each kind of damage, and they
 * change between versions. So a failure without another known reason is `thread_unreadable`.
 */
export function classifyResumeFailure(
  detail: string,
  options: Omit<CodexTurnErrorOptions, "detail"> = {},
): CodexTurnError {
  const known = classifyFailure(detail, options);
  if (OTHER_REASONS.includes(known.code) || TEMPORARY.test(detail)) return known;
  const said = known.message.indexOf("Codex said: ");
  return new CodexTurnError(
    "thread_unreadable",
    `Codex can't load this thread, usually because its session file is damaged: start a new thread, or restore the file.${said === -1 ? "" : ` ${known.message.slice(said)}`}`,
    { ...options, detail },
  );
}
