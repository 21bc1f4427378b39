import { resolve } from "node:path";
import { codexHomeOf } from "@plexum/session-store";
import { CAPABILITY, LIST_COMMAND, RESUME_COMMAND } from "./commands.ts";
import { listLocally } from "./list-locally.ts";
import type { LocalOptions } from "./local-options.ts";
import { checkListParams, checkResumeParams, parseParams } from "./params.ts";
import { resumeSession } from "./resume-session.ts";
import type { SessionListing } from "./session-summary.ts";

export interface SessionCommandsOptions extends Omit<LocalOptions, "codexHome" | "env"> {
  /** The folder where codex keeps its files. Default: `CODEX_HOME` of `env`, otherwise `~/.codex`. */
  readonly codexHome?: string;
  /** The environment that codex runs in. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
}

/** A command in the form in which a node's host registers it. */
export interface SessionCommand {
  readonly command: string;
  readonly cap: string;
  readonly dangerous?: boolean;
  /** Returns whether a turn is running that an update of the host would end. OpenClaw treats a missing hook as true. */
  hasActiveWork(): boolean;
  /**
   * Runs the command. Takes and returns JSON text. The context's signal ends the work, including a running turn.
   * @throws CodexCommandsError; the signal's reason once it is aborted.
   */
  handle(paramsJSON?: string | null, io?: unknown, context?: { readonly signal?: AbortSignal }): Promise<string>;
}

/** Counts the work of all commands of this process: a host may register new ones during a turn, and an update replaces the process. */
let activeResumes = 0;

/** Creates the two commands that list and resume the codex sessions of this machine. */
export function createSessionCommands(options: SessionCommandsOptions = {}): [SessionCommand, SessionCommand] {
  const { env = process.env } = options;
  // Absolute, since codex runs in the session's folder.
  const codexHome = resolve(options.codexHome ?? codexHomeOf(env));
  const local: LocalOptions = { ...options, codexHome, env: { ...env, CODEX_HOME: codexHome } };
  return [
    {
      command: LIST_COMMAND,
      cap: CAPABILITY,
      hasActiveWork: () => false,
      handle: async (paramsJSON, _io, context) => {
        const params = checkListParams(parseParams(paramsJSON));
        const listing = await listLocally(local, params, context?.signal);
        return JSON.stringify(listing satisfies SessionListing);
      },
    },
    {
      command: RESUME_COMMAND,
      cap: CAPABILITY,
      dangerous: true,
      hasActiveWork: () => activeResumes > 0,
      handle: async (paramsJSON, _io, context) => {
        const params = checkResumeParams(parseParams(paramsJSON));
        activeResumes += 1;
        try {
          return JSON.stringify(await resumeSession(local, params, context?.signal));
        } finally {
          activeResumes -= 1;
        }
      },
    },
  ];
}
