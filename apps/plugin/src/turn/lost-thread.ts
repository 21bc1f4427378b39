import type { TurnResult } from "@plexum/codex-turn";
import { findRollout, findRolloutFile } from "@plexum/rollout";

export interface LostThread {
  readonly message: string;
  /** codex's words. */
  readonly detail: string | undefined;
  /** The session file that codex can't load. */
  readonly file: string | undefined;
}

const GOING_ON = "going on in a fresh thread, given the conversation so far, as much as fits";

/** Returns why a turn's thread can't be resumed; undefined if the turn ended in another way. */
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
      ? `codex has no record of thread ${threadId} any more: ${GOING_ON}`
      : `codex can't load thread ${threadId}${file === undefined ? "" : ` from ${file}`}: ${GOING_ON}. The file is left as it is: repair it or move it away`;
  return { message, detail, file };
}

/** Whatever is wrong with the file, the turn goes on. It may also be one that names another thread in its first line. */
async function fileOf(threadId: string, codexHome: string): Promise<string | undefined> {
  try {
    const found = (await findRollout(threadId, { codexHome })) ?? (await findRolloutFile(codexHome, threadId));
    return found?.path;
  } catch {
    return undefined;
  }
}
