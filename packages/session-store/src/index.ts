export { cacheFolder } from "./cache-folder.ts";
export { SessionStoreError, type SessionStoreErrorCode } from "./errors.ts";
export { type ThreadLockFile, threadLockFiles } from "./list-thread-locks.ts";
export { codexHomeOf, lockThread, lockWorkspace, type WorkspaceLockOptions } from "./locks.ts";
export type { HeldLock, LockOptions } from "./process-lock.ts";
export { clearPath, openRegularFile, readRegularFile } from "./regular-file.ts";
export { isThreadId } from "./thread-id.ts";
export { type LoadedThread, WorkspaceThread, type WorkspaceThreadOptions } from "./workspace-thread.ts";
