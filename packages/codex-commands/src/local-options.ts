import type { StartTurnOptions } from "@plexum/codex-exec";

/** How the sessions of this machine are found and run. */
export interface LocalOptions extends Pick<StartTurnOptions, "binary" | "model" | "extraArgs" | "grace"> {
  readonly codexHome: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where the index of the sessions is kept. Default: as `listSessions` of `@plexum/session-store` has it. */
  readonly cacheFolder?: string;
}
