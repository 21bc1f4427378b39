import { createHash, randomUUID } from "node:crypto";

/**
 * The environment variable by which a turn's processes are known, however far from codex they have been reparented.
 * codex hands it on to the commands it runs (seen in 0.135.0 and 0.169.0). Its value is made of three markers.
 */
export const MARKER_VARIABLE = "CODEX_EXEC_TURN";

/** Names this process, and so every turn it starts. The pid is for who finds the turn later: it tells where to look for the owner. */
export const ownerMarker = `owner:${process.pid}:${randomUUID()}`;

export const newTurnMarker = () => `turn:${randomUUID()}`;

/** Names what a turn works on, whoever started it. */
export const scopeMarker = (scope: string) => `scope:${createHash("sha256").update(scope).digest("hex").slice(0, 32)}`;
