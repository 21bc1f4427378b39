export { SessionStoreError, type SessionStoreErrorCode } from "./errors.ts";
export { codexHomeOf, lockThread, lockWorkspace, type WorkspaceLockOptions } from "./locks.ts";
export type { HeldLock, LockOptions } from "./process-lock.ts";
export { childSessions } from "./sessions/child-sessions.ts";
export { type FindSessionOptions, type FoundSession, findSession } from "./sessions/find-session.ts";
export { type ListSessionsOptions, listSessions, type Session, type SessionList } from "./sessions/list-sessions.ts";
export { type StaleThreadLock, type StaleThreadLocksOptions, staleThreadLocks } from "./stale-locks.ts";
export { isThreadId } from "./thread-id.ts";
export { type LoadedThread, WorkspaceThread, type WorkspaceThreadOptions } from "./workspace-thread.ts";
