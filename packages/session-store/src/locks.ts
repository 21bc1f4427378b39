import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { checkedFileName } from "./file-name.ts";
import { type HeldLock, type LockOptions, takeLock } from "./process-lock.ts";
import { checkedThreadId } from "./thread-id.ts";
import { CODEX_FILE_NAME } from "./workspace-thread.ts";

/** The folder of the threads' locks below a codex home. */
export const THREAD_LOCKS = "plexum-thread-locks";

/** Where codex keeps its files: `CODEX_HOME`, else `~/.codex`. */
export const codexHomeOf = (env: NodeJS.ProcessEnv): string => resolve(env.CODEX_HOME || join(homedir(), ".codex"));

export interface WorkspaceLockOptions extends LockOptions {
  /** The name of the workspace's session file, which the lock stands beside. Default: the one for codex. */
  readonly fileName?: string;
}

/**
 * Sees to it that one process at a time, and one turn inside it, works on a workspace.
 * @throws SessionStoreError `busy`, `io` or `invalid_file_name`.
 */
export async function lockWorkspace(workspace: string, options: WorkspaceLockOptions = {}): Promise<HeldLock> {
  const fileName = checkedFileName(options.fileName ?? CODEX_FILE_NAME);
  return takeLock(join(workspace, `${fileName}.lock`), `The workspace ${workspace}`, options);
}

/**
 * Sees to it that a thread is run or rewritten by one at a time, whatever workspace it is reached from. codex has a lock
 * of its own from 0.147 on; before that, two turns at once mix their records in one file (seen in 0.135.0).
 * @throws SessionStoreError `busy`, `io` or `invalid_thread_id`.
 */
export async function lockThread(codexHome: string, threadId: string, options?: LockOptions): Promise<HeldLock> {
  const id = checkedThreadId(threadId);
  return takeLock(join(codexHome, THREAD_LOCKS, `${id}.lock`), `The thread ${id}`, options);
}
