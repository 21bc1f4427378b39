import { open } from "node:fs/promises";
import { join } from "node:path";
import { guardAt } from "./growth-guard.ts";
import { linesOf } from "./rollout-bytes.ts";
import { isSessionId } from "./session-id.ts";
import { excerpt } from "./user-message.ts";

/** What the user typed in one session of codex's own interface. */
export interface PromptedSession {
  readonly count: number;
  /** Of the last prompt, in seconds since 1970. */
  readonly ts: number;
  readonly lastMessage: string | undefined;
}

/** What `history.jsonl` says, and what is needed to go on from there when it has grown. */
export interface PromptHistory {
  readonly size: number;
  readonly mtimeMs: number;
  readonly end: number;
  readonly guard: string;
  /** Lines that could not be read. */
  readonly damaged: number;
  readonly sessions: Readonly<Record<string, PromptedSession>>;
}

export const HISTORY_NAME = "history.jsonl";

/** The latest time that a date can hold, in seconds. */
const MAX_TS = 8.64e12;

/** Reads codex's history of prompts, or what was added to it. Undefined if there is none: `codex exec` writes none. */
export async function readPromptHistory(
  codexHome: string,
  known: PromptHistory | undefined,
  signal?: AbortSignal,
): Promise<PromptHistory | undefined> {
  const path = join(codexHome, HISTORY_NAME);
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  await using file = handle;
  const { size, mtimeMs } = await file.stat();
  if (known?.size === size && known.mtimeMs === mtimeMs) return known;
  // Codex cuts off the beginning of a long history.
  const earlier =
    known !== undefined && known.end <= size && known.guard === (await guardAt(file, known.end)) ? known : undefined;
  const sessions = new Map(Object.entries(earlier?.sessions ?? {}));
  let { damaged = 0, end = 0 } = earlier ?? {};
  for await (const line of linesOf(path, { start: end, end: size, signal })) {
    // What is being written now is for the next look.
    if (!line.terminated) break;
    end = line.offset + line.bytes.length + 1;
    if (!take(sessions, line.bytes)) damaged++;
  }
  return { size, mtimeMs, end, guard: await guardAt(file, end), damaged, sessions: Object.fromEntries(sessions) };
}

/** False if the line can't be read. */
function take(sessions: Map<string, PromptedSession>, line: Buffer): boolean {
  if (line.length === 0) return true;
  try {
    const { session_id: id, ts, text } = JSON.parse(line.toString("utf8"));
    if (!isSessionId(id)) return false;
    if (typeof ts !== "number" || !(Math.abs(ts) <= MAX_TS) || typeof text !== "string") return false;
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
}
