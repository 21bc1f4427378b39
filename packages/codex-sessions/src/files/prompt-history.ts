import { isSessionId } from "../find/session-id.ts";
import { excerpt } from "../record/excerpt.ts";
import type { TakeLine } from "./growing-file.ts";

/** What the user typed in one session of codex's own interface. */
export interface PromptedSession {
  readonly count: number;
  /** The time of the last prompt, in seconds since 1970. */
  readonly ts: number;
  readonly lastMessage: string | undefined;
}

export const HISTORY_NAME = "history.jsonl";

/** The latest time that a date can hold, in seconds. */
const MAX_TS = 8.64e12;
/** A larger number is in milliseconds: as seconds, this is the year 5138. */
const MAX_SECONDS = 1e11;

/** Adds a line of codex's history of prompts. `codex exec` writes none. */
export const takePrompt: TakeLine<PromptedSession> = (sessions, line) => {
  if (line.length === 0) return true;
  try {
    const { session_id: id, ts: written, text } = JSON.parse(line.toString("utf8"));
    if (!isSessionId(id)) return false;
    if (typeof written !== "number" || !(Math.abs(written) <= MAX_TS) || typeof text !== "string") return false;
    const ts = written > MAX_SECONDS ? written / 1_000 : written;
    const before = sessions.get(id);
    const isLatest = before === undefined || ts >= before.ts;
    sessions.set(id, {
      count: (before?.count ?? 0) + 1,
      ts: isLatest ? ts : before.ts,
      lastMessage: (isLatest && excerpt(text)) || before?.lastMessage,
    });
    return true;
  } catch {
    return false;
  }
};
