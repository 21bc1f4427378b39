import type { LogLevel } from "@plexum/plugin-sdk";

/** Writes to the host's log; the workspace is among the fields already. */
export type Log = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;
