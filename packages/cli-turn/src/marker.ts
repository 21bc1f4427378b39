import { createHash, randomUUID } from "node:crypto";

/**
 * The environment variable that identifies the processes of a turn, even after they have been reparented: a CLI passes its
 * environment on to the commands it runs. Its value consists of three markers, separated by spaces.
 */
export const MARKER_VARIABLE = "CLI_TURN";

/** Identifies this process as the owner of every turn it starts. `orphanedTurns` uses the pid to check whether the owner lives. */
export const ownerMarker = `owner:${process.pid}:${randomUUID()}`;

export const newTurnMarker = (): string => `turn:${randomUUID()}`;

/** Identifies the workspace of a turn, whichever process started the turn. */
export const scopeMarker = (scope: string): string =>
  `scope:${createHash("sha256").update(scope).digest("hex").slice(0, 32)}`;

/**
 * Returns the value of `MARKER_VARIABLE` for the processes of one turn.
 * @param scope The real path of the workspace.
 */
export const markerValue = (scope: string, turnMarker: string): string =>
  [ownerMarker, scopeMarker(scope), turnMarker].join(" ");

const MARKERS = /owner:\d+:[\da-f-]{36}|scope:[\da-f]{32}|turn:[\da-f-]{36}/g;

/** Returns all markers in a text, separated by spaces. */
export const markersIn = (text: string): string => (text.match(MARKERS) ?? []).join(" ");
