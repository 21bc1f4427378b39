export { CodexSessionsError, type CodexSessionsErrorCode } from "./errors.ts";
export { childSessions } from "./find/child-sessions.ts";
export { type FindSessionOptions, type FoundSession, findSession } from "./find/find-session.ts";
export { sessionTitle } from "./find/session-title.ts";
export { type ListSessionsOptions, listSessions, type Session, type SessionList } from "./list-sessions.ts";
export { type StaleThreadLock, type StaleThreadLocksOptions, staleThreadLocks } from "./stale-thread-locks.ts";
