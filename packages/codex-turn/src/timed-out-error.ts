import { CodexTurnError, type CodexTurnErrorOptions } from "./errors.ts";

/** Returns the failure of a turn that reached its time limit, in milliseconds. */
export const timedOutError = (afterMs: number, options: CodexTurnErrorOptions = {}): CodexTurnError =>
  new CodexTurnError(
    "timed_out",
    `The turn reached its time limit of ${afterMs} ms and was ended: allow more time, or give it a smaller task.`,
    options,
  );
