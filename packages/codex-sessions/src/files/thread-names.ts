import { isSessionId } from "../find/session-id.ts";
import { excerpt } from "../record/excerpt.ts";
import type { TakeLine } from "./growing-file.ts";

/** Codex appends a line each time a thread is renamed (0.135 to 0.169). The last one counts. */
export const NAMES_NAME = "session_index.jsonl";

export const takeName: TakeLine<string> = (names, line) => {
  if (line.length === 0) return true;
  try {
    const { id, thread_name: name } = JSON.parse(line.toString("utf8"));
    if (!isSessionId(id) || (name != null && typeof name !== "string")) return false;
    names.set(id, excerpt(name ?? ""));
    return true;
  } catch {
    return false;
  }
};
