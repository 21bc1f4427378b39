import { stat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { type StartTurnOptions, startTurn } from "@plexum/codex-exec";
import { CodexSessionsError, type FoundSession, findSession } from "@plexum/codex-sessions";
import type { TurnResult } from "@plexum/codex-turn";
import { isThreadId, lockThread, lockWorkspace } from "@plexum/session-store";
import { CodexCommandsError } from "./errors.ts";
import type { LocalOptions } from "./local-options.ts";
import type { ResumeParams } from "./params.ts";
import { asResumeError, noSuchSession } from "./resume-error.ts";
import type { ResumedSession } from "./session-summary.ts";
import { unarchive } from "./unarchive.ts";

const NO_TEXT = "Codex completed without a text reply.";

/**
 * Runs one turn on a session, in the session's folder, and returns its full id and codex's last message. A session in codex's
 * archive is unarchived first if codex would not resume it otherwise.
 *
 * @throws CodexCommandsError; the signal's reason if it was aborted, once no process of the turn is running.
 */
export async function resumeSession(
  local: LocalOptions,
  params: ResumeParams,
  signal: AbortSignal | undefined,
): Promise<ResumedSession> {
  signal?.throwIfAborted();
  const session = await find(local, params.sessionId, signal);
  const threadId = session.id.toLowerCase();
  const folder = params.cwd ?? folderOf(session);
  await assertFolder(folder);
  const turn = () => runTurn(local, { ...params, threadId, workspace: folder }, signal);
  try {
    // Lock both: a turn ends the leftover processes of earlier turns in its folder, whatever their session.
    await using _workspaceLock = await lockWorkspace(folder, { signal });
    await using _threadLock = await lockThread(local.codexHome, threadId, { signal });
    const result = await turn();
    const isArchived = result.status === "failed" && result.error.code === "thread_archived";
    const text = textOf(isArchived && (await unarchive(local, threadId, signal)) ? await turn() : result);
    return { ok: true, sessionId: session.id, text };
  } catch (error) {
    signal?.throwIfAborted();
    throw asResumeError(error, params.sessionId);
  }
}

async function find(local: LocalOptions, id: string, signal: AbortSignal | undefined): Promise<FoundSession> {
  const session = await findSession(id, { codexHome: local.codexHome, ...(signal && { signal }) }).catch((error) => {
    signal?.throwIfAborted();
    if (CodexSessionsError.isInstance(error) && error.code === "ambiguous_session_id")
      throw new CodexCommandsError("invalid_params", error.message, { cause: error });
    throw asResumeError(error, id);
  });
  // Codex treats anything but a thread's id as a name, and begins a new session if none has that name.
  if (session === undefined || !isThreadId(session.id.toLowerCase())) throw noSuchSession(id);
  return session;
}

function folderOf({ id, cwd }: FoundSession): string {
  if (cwd !== undefined) return cwd;
  throw new CodexCommandsError(
    "folder_not_found",
    `Codex has not recorded the folder of session ${id}: pass the folder to run in as "cwd".`,
  );
}

/** `startTurn` would create a missing folder, but a session belongs where its files are. */
async function assertFolder(folder: string): Promise<void> {
  const isFolder = isAbsolute(folder) && (await stat(folder).catch(() => undefined))?.isDirectory() === true;
  if (isFolder) return;
  throw new CodexCommandsError(
    "folder_not_found",
    `${JSON.stringify(folder)} is not the absolute path of a folder on this machine: pass the folder to run in as "cwd".`,
  );
}

async function runTurn(
  { binary, model, extraArgs, grace, env }: LocalOptions,
  params: Pick<StartTurnOptions, "prompt" | "threadId" | "workspace" | "timeoutMs">,
  signal: AbortSignal | undefined,
): Promise<TurnResult> {
  const { prompt, threadId, workspace, timeoutMs } = params;
  const how = { binary, model, extraArgs, grace, env, signal };
  await using turn = await startTurn({ ...how, prompt, threadId, workspace, timeoutMs });
  // Leaving the loop drops the events, so codex does not wait for a reader.
  for await (const _event of turn.events) break;
  // Awaited here: leaving the block cancels the turn.
  return await turn.result;
}

function textOf(result: TurnResult): string {
  if (result.status === "failed") throw result.error;
  if (result.status === "cancelled") throw new CodexCommandsError("resume_failed", "The turn was cancelled.");
  return result.lastMessage?.trim() || NO_TEXT;
}
