import type { ParsedEvent, Usage } from "@plexum/codex-jsonl";
import { classifyFailure } from "./classify-failure.ts";
import { CodexExecError } from "./errors.ts";
import type { TurnResult } from "./turn.ts";

export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why we ended it, if we did. */
  readonly ending: Ending | undefined;
  /** The end of what it wrote to stderr. */
  readonly stderr: string;
}

export type Ending = { readonly reason: "cancelled" } | { readonly reason: "timed_out"; readonly afterMs: number };

/** What a turn's events told, and from that and the process's end, how the turn ended. */
export class TurnRecord {
  #threadId: string | undefined;
  #lastMessage: string | undefined;
  #completed: { usage: Usage | null } | undefined;
  #failure: string | undefined;
  /** The last `error` event: the reason if nothing better is told; a retry that went well otherwise. */
  #lastError: string | undefined;

  note(event: ParsedEvent): void {
    if (event.type === "thread.started") this.#threadId = event.thread_id;
    else if (event.type === "turn.completed") this.#completed = { usage: event.usage };
    else if (event.type === "turn.failed") this.#failure = event.error.message;
    else if (event.type === "error") this.#lastError = event.message;
    else if (event.type === "item.completed" && event.item.type === "agent_message")
      this.#lastMessage = event.item.text;
  }

  result(end: ProcessEnd): TurnResult {
    const outcome = { threadId: this.#threadId, lastMessage: this.#lastMessage };
    if (this.#completed !== undefined && end.exitCode === 0) {
      return { ...outcome, status: "completed", threadUsage: this.#completed.usage };
    }
    if (end.ending?.reason === "cancelled") return { ...outcome, status: "cancelled" };
    return { ...outcome, status: "failed", error: this.#error(end) };
  }

  #error({ exitCode, signal, ending, stderr }: ProcessEnd): CodexExecError {
    const options = { exitCode, signal, detail: stderr };
    if (ending?.reason === "timed_out") {
      return new CodexExecError(
        "timed_out",
        `The turn was ended after ${ending.afterMs} ms, its time limit: give it more time, or a smaller task.`,
        options,
      );
    }
    if (this.#failure !== undefined) return classifyFailure(this.#failure, { exitCode, signal });
    if (signal !== null) {
      return new CodexExecError(
        "crashed",
        `Codex was ended by ${signal}: it crashed or was killed from outside. The thread can be resumed.`,
        options,
      );
    }
    if (exitCode === 0) {
      return new CodexExecError(
        "incomplete",
        "Codex ended without a word on how the turn went: try again, and look at its stderr if it happens again.",
        options,
      );
    }
    if (this.#completed !== undefined) {
      return new CodexExecError(
        "crashed",
        `Codex completed the turn and then ended with exit code ${exitCode}. The thread can be resumed.`,
        options,
      );
    }
    return classifyFailure(stderr.trim() || (this.#lastError ?? ""), { exitCode, signal });
  }
}
