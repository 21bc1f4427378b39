import type { TurnResult } from "@plexum/codex-turn";
import { findRollout, findRolloutFile } from "@plexum/rollout";

export interface LostThread {
  readonly message: string;
  /** The error text of codex. */
  readonly detail: string | undefined;
  /** The session file that codex can't load. */
  readonly file: string | undefined;
}

const CONTINUING = "continuing in a new thread with as much of the conversation so far as fits";

/** Returns why a turn's thread can't be resumed; undefined if the turn ended for another reason. */
export async function whyThreadIsLost(
  threadId: string,
  result: TurnResult,
  codexHome: string,
): Promise<LostThread | undefined> {
  if (result.status !== "failed") return undefined;
  const { code, detail } = result.error;
  if (code !== "thread_not_found" && code !== "thread_unreadable") return undefined;
  const file = await fileOf(threadId, codexHome);
  const message =
    code === "thread_not_found" && file === undefined
      ? `codex no longer has a record of thread ${threadId}: ${CONTINUING}`
      : `codex can't load thread ${threadId}${file === undefined ? "" : ` from ${file}`}: ${CONTINUING}. The file is left unchanged: repair it or move it away`;
  return { message, detail, file };
}

/** Finds the thread's file, even if its first line names another thread. Ignores errors, so that the turn continues in any case. */
async function fileOf(threadId: string, codexHome: string): Promise<string | undefined> {
  try {
    const found = (await findRollout(threadId, { codexHome })) ?? (await findRolloutFile(codexHome, threadId));
    return found?.path;
  } catch {
    return undefined;
  }
}
