import { mkdir, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { commandLine } from "./command-line.ts";
import { CodexExecError } from "./errors.ts";
import { ExecTurn } from "./exec-turn.ts";
import { guardOwner } from "./guard-owner.ts";
import { type PromptImage, stageImages } from "./images.ts";
import { locateCodex } from "./locate.ts";
import { MARKER_VARIABLE, newTurnMarker, ownerMarker, scopeMarker } from "./marker.ts";
import { assertSupported } from "./probe.ts";
import { DEFAULT_GRACE, type EndGrace, ProcessFamily } from "./process-family.ts";
import { checkPrompt } from "./prompt.ts";
import { type CodexProcess, spawnCodex } from "./spawn-codex.ts";
import type { Turn } from "./turn.ts";

export interface StartTurnOptions {
  /** What the user says, at most 1 048 576 code points. */
  readonly prompt: string;
  /** The folder codex works in; created if it is missing. */
  readonly workspace: string;
  /** The thread to go on with, by its UUID. Without it a new thread begins. */
  readonly threadId?: string | undefined;
  /** The codex executable: a path, or a name on the PATH. Default `codex`. */
  readonly binary?: string;
  /** The value of `--model`. Default: codex's own choice. */
  readonly model?: string | undefined;
  readonly images?: readonly PromptImage[];
  /** More arguments for `codex exec`; a function is given the version of the codex that was found. */
  readonly extraArgs?: readonly string[] | ((version: string) => readonly string[]);
  /** The environment codex runs in. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** The turn's deadline in milliseconds. Default one hour. */
  readonly timeoutMs?: number;
  readonly grace?: Partial<EndGrace>;
  /** Cancels the turn, also while it is being started. */
  readonly signal?: AbortSignal;
  /** The longest line of codex's stdout that is read as an event, in bytes. Default 32 MiB. */
  readonly maxLineBytes?: number;
  /**
   * How far codex may run ahead of the reader of the events, in bytes of its stdout, before it is made to wait. Default
   * 64 MiB: a codex that waits loses events of its own (0.135.0 says so in an `error` item, "event stream lagged").
   */
  readonly maxUnreadBytes?: number;
  /** Gets what codex writes to stderr, line by line, without escape sequences. */
  readonly onStderr?: (line: string) => void;
  /** Gets what was done to the input that its author may not expect. */
  readonly onWarning?: (message: string) => void;
  /** Called once codex runs. */
  readonly onSpawn?: (spawned: SpawnedCodex) => void;
}

export interface SpawnedCodex {
  readonly pid: number;
  readonly version: string;
  /** Without the prompt, which goes by stdin. */
  readonly command: readonly string[];
}

export const DEFAULT_TIMEOUT_MS = 60 * 60 * 1000;

const DEFAULT_MAX_UNREAD_BYTES = 64 * 1024 * 1024;

/** setTimeout takes no more (2^31 - 1 ms, about 24.8 days). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Runs one turn with `codex exec`. Before codex is started, whatever a killed owner left running in the same workspace is
 * ended; the workspace's lock is the caller's to hold.
 *
 * @throws CodexExecError if the turn can't start: nothing has been sent then. The signal's reason if it is aborted by then.
 * From there on every failure is in the turn's `result`.
 */
export async function startTurn(options: StartTurnOptions): Promise<Turn> {
  const { binary = "codex", env = process.env, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be a positive number of milliseconds, not ${timeoutMs}`);
  const prompt = checkPrompt(options.prompt);
  signal?.throwIfAborted();
  const codex = await locateCodex(binary, env);
  const [version, workspace] = await Promise.all([assertSupported(codex, env), makeWorkspace(options.workspace)]);
  signal?.throwIfAborted();
  if (prompt.removedNuls > 0) options.onWarning?.(`${prompt.removedNuls} NUL characters were removed from the prompt`);

  const grace = { ...DEFAULT_GRACE, ...options.grace };
  const scope = scopeMarker(workspace);
  await new ProcessFamily(scope).end(grace);
  const images = await stageImages(options.images ?? []);
  const letGo = guardOwner();
  const release = async () => {
    letGo();
    await images[Symbol.asyncDispose]();
  };
  let child: CodexProcess;
  const turnMarker = newTurnMarker();
  try {
    signal?.throwIfAborted();
    const { extraArgs } = options;
    const args = commandLine({
      ...options,
      images: images.paths,
      extraArgs: typeof extraArgs === "function" ? extraArgs(version) : extraArgs,
    });
    const marked = { ...env, [MARKER_VARIABLE]: [ownerMarker, scope, turnMarker].join(" ") };
    child = await spawnCodex(codex, args, workspace, marked);
  } catch (error) {
    await release();
    throw error;
  }
  const turn = new ExecTurn({
    child,
    family: new ProcessFamily(turnMarker),
    prompt: prompt.text,
    grace,
    timeoutMs: Math.min(timeoutMs, MAX_TIMEOUT_MS),
    maxLineBytes: options.maxLineBytes,
    maxUnreadBytes: options.maxUnreadBytes ?? DEFAULT_MAX_UNREAD_BYTES,
    signal,
    onStderr: options.onStderr,
    release,
  });
  try {
    options.onSpawn?.({ pid: child.pid as number, version, command: child.spawnargs });
  } catch (error) {
    await turn.cancel();
    throw error;
  }
  return turn;
}

/** The folder's real path: one folder is one workspace, by whatever links it is reached. */
async function makeWorkspace(workspace: string): Promise<string> {
  try {
    await mkdir(workspace, { recursive: true });
    return await realpath(workspace);
  } catch (cause) {
    throw new CodexExecError(
      "workspace_unusable",
      `The workspace ${resolve(workspace)} can't be used (${(cause as Error).message}): name a folder this user can write to.`,
      { cause },
    );
  }
}
