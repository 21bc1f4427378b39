import { createHash, randomUUID } from "node:crypto";

/**
 * The environment variable by which the processes of a turn are recognized, however far from the CLI they have been
 * reparented: a CLI passes its environment on to the commands it runs. Its value consists of up to three markers.
 */
export const MARKER_VARIABLE = "CLI_TURN";

/** Names this process, and so every turn it starts. The pid shows whoever finds the turn later where to look for the owner. */
export const ownerMarker = `owner:${process.pid}:${randomUUID()}`;

export const newTurnMarker = (): string => `turn:${randomUUID()}`;

/** Names what a turn works on, whoever started it. */
export const scopeMarker = (scope: string): string =>
  `scope:${createHash("sha256").update(scope).digest("hex").slice(0, 32)}`;

/**
 * The value of `MARKER_VARIABLE` for one turn's processes.
 * @param scope The real path of the workspace.
 */
export const markerValue = (scope: string, turnMarker: string): string =>
  [ownerMarker, scopeMarker(scope), turnMarker].join(" ");
