import type { CliEnd } from "@plexum/cli-turn";
import type { ParsedEvent, Usage } from "@plexum/codex-jsonl";
import {
  CodexTurnError,
  classifyFailure,
  classifyResumeFailure,
  type TurnResult,
  timedOutError,
} from "@plexum/codex-turn";

/** Records a turn's events, and derives the turn's result from them and from the exit of the process. */
export class TurnRecord {
  /** Whether codex has reported that the turn runs. */
  hasStarted = false;
  /** Whether the turn may have started: codex wrote a line that it does not write before the start, or an unreadable one. */
  #mayHaveStarted = false;
  #threadId: string | undefined;
  #lastMessage: string | undefined;
  #completed: { usage: Usage | null } | undefined;
  #failure: string | undefined;
  /** The last `error` event: the reason of a failure if nothing better is known; otherwise a retry that succeeded. */
  #lastError: string | undefined;
  readonly #first = Promise.withResolvers<void>();

  /** Resolves once codex has written an event. */
  get firstEvent(): Promise<void> {
    return this.#first.promise;
  }

  note(event: ParsedEvent): void {
    this.#first.resolve();
    if (!isBeforeTurn(event)) this.#mayHaveStarted = true;
    if (event.type === "turn.started") this.hasStarted = true;
    else if (event.type === "thread.started") this.#threadId = event.thread_id;
    else if (event.type === "turn.completed") this.#completed = { usage: event.usage };
    else if (event.type === "turn.failed") this.#failure = event.error.message;
    else if (event.type === "error") this.#lastError = event.message;
    else if (event.type === "item.completed" && event.item.type === "agent_message")
      this.#lastMessage = event.item.text;
  }

  result(end: CliEnd): TurnResult {
    const outcome = { threadId: this.#threadId, lastMessage: this.#lastMessage };
    if (this.#completed !== undefined && end.exitCode === 0) {
      return { ...outcome, status: "completed", threadUsage: this.#completed.usage };
    }
    if (end.ending?.reason === "cancelled") return { ...outcome, status: "cancelled" };
    return { ...outcome, status: "failed", error: this.#error(end) };
  }

  #error({ exitCode, signal, ending, stderr }: CliEnd): CodexTurnError {
    const options = { exitCode, signal, detail: stderr };
    if (ending?.reason === "timed_out") return timedOutError(ending.afterMs, options);
    const hasStarted = this.#mayHaveStarted;
    if (this.#failure !== undefined) return classifyFailure(this.#failure, { exitCode, signal, hasStarted });
    if (signal !== null) {
      return new CodexTurnError(
        "crashed",
        `Codex was killed by ${signal}: it crashed, or something else killed it. The thread can be resumed.`,
        options,
      );
    }
    if (exitCode === 0) {
      return new CodexTurnError(
        "incomplete",
        "Codex exited without saying how the turn ended: try again, and check its stderr if it happens again.",
        options,
      );
    }
    if (this.#completed !== undefined) {
      return new CodexTurnError(
        "crashed",
        `Codex completed the turn and then exited with code ${exitCode}. The thread can be resumed.`,
        options,
      );
    }
    const reason = lastReason(stderr);
    if (!hasStarted) {
      // Without codex's own line, stderr may hold any text, such as an MCP server's, which says nothing about the thread.
      if (reason === undefined) return classifyFailure(stderr.trim(), { exitCode, signal, hasStarted: true });
      return reason.startsWith(RESUMING)
        ? classifyResumeFailure(reason, { exitCode, signal })
        : classifyFailure(reason, { exitCode, signal });
    }
    const said = reason ?? this.#lastError;
    if (said !== undefined) return classifyFailure(said, { exitCode, signal, hasStarted });
    return new CodexTurnError(
      "crashed",
      `Codex exited with code ${exitCode} during the turn: it was interrupted from outside, or it crashed. The thread can be resumed.`,
      options,
    );
  }
}

/** The beginning of codex's reason why a thread could not be loaded (0.135.0 to 0.169.0). */
const RESUMING = "Error: thread/resume";

/** What codex writes before a turn starts (0.135.0 to 0.169.0). */
const isBeforeTurn = (event: ParsedEvent) =>
  event.type === "thread.started" || (event.type === "item.completed" && event.item.type === "error");

/**
 * Returns the reason that codex gives as it exits: its last line that begins with "Error: ", and the lines after it. With
 * RUST_LOG, stderr has texts of tools and of the model before that line.
 */
function lastReason(stderr: string): string | undefined {
  const text = `\n${stderr.trim()}`;
  const start = Math.max(text.lastIndexOf("\nError: "), text.lastIndexOf("\nerror: "));
  return start === -1 ? undefined : text.slice(start + 1);
}
