import type { StartTurnOptions } from "@plexum/codex-exec";

/** Options for finding and running the sessions of this machine. */
export interface LocalOptions extends Pick<StartTurnOptions, "binary" | "model" | "extraArgs" | "grace"> {
  readonly codexHome: string;
  readonly env: NodeJS.ProcessEnv;
  /** The folder of the session index. Default: that of `listSessions` in `@plexum/codex-sessions`. */
  readonly cacheFolder?: string;
}
