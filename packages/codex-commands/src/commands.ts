/** The names of the commands and of their capability. */
export const LIST_COMMAND = "codex.cli.sessions.list";
export const RESUME_COMMAND = "codex.cli.session.resume";
export const CAPABILITY = "codex-cli-sessions";

/** The capability of OpenClaw nodes where a resume can choose the Codex home by `agentId` and `sourceHomeId`. Ours can't. */
export const SOURCE_CAPABILITY = "codex-cli-session-source";

export const DEFAULT_LIMIT = 10;
export const MAX_LIMIT = 50;

export const DEFAULT_RESUME_TIMEOUT_MS = 20 * 60 * 1000;
export const MAX_RESUME_TIMEOUT_MS = 60 * 60 * 1000;
