/**
 * How long a codex that is starting may go on before it is ended, in milliseconds. In a CODEX_HOME that is new to a version, codex
 * first indexes the sessions, about a millisecond each. If it is killed before the end, every codex that starts in the next 15
 * minutes waits for it: `codex exec` for 30 seconds, and app-server exits after them (0.135.0 to 0.171.0).
 */
export const SETUP_GRACE_MS = 5000;
