import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { checkedFileName } from "./file-name.ts";
import { acquireLock, type HeldLock, type LockOptions } from "./process-lock.ts";
import { checkedThreadId } from "./thread-id.ts";
import { CODEX_FILE_NAME } from "./workspace-thread.ts";

/** The folder with the threads' locks in a codex home. */
export const THREAD_LOCKS = "plexum-thread-locks";

/** Returns the folder where codex keeps its files: `CODEX_HOME`, otherwise `~/.codex`. */
export const codexHomeOf = (env: NodeJS.ProcessEnv): string => resolve(env.CODEX_HOME || join(homedir(), ".codex"));

export interface WorkspaceLockOptions extends LockOptions {
  /** The name of the workspace's session file. The lock file is beside it. @default ".plexum-codex-session" */
  readonly fileName?: string;
}

/**
 * Acquires the lock on a workspace, so that only one process, and one turn in it, works there at a time.
 *
 * @throws SessionStoreError `busy`, `io` or `invalid_file_name`; the reason of an aborted `signal`.
 */
export async function lockWorkspace(workspace: string, options: WorkspaceLockOptions = {}): Promise<HeldLock> {
  const fileName = checkedFileName(options.fileName ?? CODEX_FILE_NAME);
  return acquireLock(join(workspace, `${fileName}.lock`), `The workspace ${workspace}`, options);
}

/**
 * Acquires the lock on a thread, so that only one caller runs or rewrites it at a time, whatever workspace continues it. codex has
 * its own lock from 0.147 on. Before that, two concurrent turns mix their records in one file (seen in 0.135.0).
 *
 * @throws SessionStoreError `busy`, `io` or `invalid_thread_id`; the reason of an aborted `signal`.
 */
export async function lockThread(codexHome: string, threadId: string, options?: LockOptions): Promise<HeldLock> {
  const id = checkedThreadId(threadId);
  return acquireLock(join(codexHome, THREAD_LOCKS, `${id}.lock`), `The thread ${id}`, options);
}
