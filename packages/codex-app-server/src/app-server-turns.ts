import { DEFAULT_GRACE, DEFAULT_TIMEOUT_MS, type EndGrace, endLeftovers, makeWorkspace } from "@plexum/cli-turn";
import {
  asCodexError,
  assertSupported,
  CodexTurnError,
  checkPrompt,
  locateCodex,
  type PromptImage,
  type SandboxMode,
  stageImages,
  type Turn,
} from "@plexum/codex-turn";
import { AppServerTurn } from "./app-server-turn.ts";
import { absoluteRoots, type TranslatedArgs, translateArgs } from "./extra-args.ts";
import { type Lease, ServerPool, type ServerPoolOptions, type StartOptions } from "./server-pool.ts";

export interface AppServerTurnOptions {
  /** What the user says, at most 1,048,576 code points. May be empty if there are images. */
  readonly prompt: string;
  /** The folder codex works in; created if it is missing. */
  readonly workspace: string;
  /** The UUID of the thread to continue. Without it, a new thread begins. */
  readonly threadId?: string | undefined;
  /** The codex executable: a path, or a name on the PATH. @default "codex" */
  readonly binary?: string;
  /** The model. Default: the config's, otherwise codex's own choice. */
  readonly model?: string | undefined;
  /** The reasoning effort, in codex's words. Default: the config's, otherwise the model's own. */
  readonly effort?: string | undefined;
  readonly images?: readonly PromptImage[];
  /** What the model's commands may do. An argument for the sandbox in `extraArgs` wins. @default "danger-full-access" */
  readonly sandbox?: SandboxMode;
  /** Arguments as for `codex exec`, translated as far as app-server has an equivalent. */
  readonly extraArgs?: readonly string[];
  /**
   * Keys of config.toml for this turn only, such as the MCP servers that offer it tools. They are passed over codex's stdin,
   * where no other process sees them. A function is called with codex's version.
   */
  readonly config?: Readonly<Record<string, unknown>> | ((version: string) => Readonly<Record<string, unknown>>);
  /** Shown to the model before the prompt, in a developer message of its own: `<key>value</key>`. */
  readonly context?: { readonly key: string; readonly value: string } | undefined;
  /** The environment that codex runs in. With `CODEX_API_KEY`, codex signs in with that key. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** The turn's time limit, in milliseconds. @default 3_600_000 */
  readonly timeoutMs?: number;
  /** How long the turn may be completely silent before it is ended, in milliseconds. @default 600_000 */
  readonly stallMs?: number;
  readonly grace?: Partial<EndGrace>;
  /**
   * How long codex may take to start, in milliseconds. It waits up to 30 seconds for another codex that indexes the sessions, and
   * longer when it indexes them itself. @default 45_000
   */
  readonly initializeTimeoutMs?: number;
  /** Cancels the turn, also while it starts. A process that is just starting is then kept for the next turn. */
  readonly signal?: AbortSignal;
  /** How far codex may run ahead of the reader of the events, in bytes, before it has to wait. @default 67_108_864 */
  readonly maxUnreadBytes?: number;
  /** Called with each line that codex writes to stderr, without escape sequences. */
  readonly onStderr?: (line: string) => void;
  /** Called when the prompt was changed, and when a request of codex's was declined because there is no user to ask. */
  readonly onWarning?: (message: string) => void;
  /** Called as soon as there is a process for the turn. */
  readonly onProcess?: (process: TurnProcess) => void;
}

export interface TurnProcess {
  readonly pid: number;
  readonly version: string;
  readonly command: readonly string[];
  /** Whether the process was already running. */
  readonly isKept: boolean;
}

/** Returns the first argument for `codex exec` that has no equivalent on app-server; undefined if all have one. */
export const untranslatableArgument = (args: readonly string[]): string | undefined =>
  translateArgs(args).untranslatable;

/** Runs turns on kept `codex app-server` processes. Dispose of it to end them all. */
export class AppServerTurns implements AsyncDisposable {
  readonly #pool: ServerPool;

  constructor(options: ServerPoolOptions) {
    this.#pool = new ServerPool(options);
  }

  /**
   * Runs one turn. Before it starts a process, it ends whatever a killed owner left running in the same workspace. The
   * caller must hold the workspace's lock. A failure after the start is in the turn's `result`.
   *
   * @throws CodexTurnError if the turn can't start; nothing has been sent in that case. RangeError for a `timeoutMs` that is not
   * positive. The signal's reason if it is aborted before the start.
   */
  async startTurn(options: AppServerTurnOptions): Promise<Turn> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal, images = [], config = {} } = options;
    if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be a positive number of milliseconds, not ${timeoutMs}`);
    const translated = translateForTurn(options);
    const prompt = checkPrompt(options.prompt, { mayBeEmpty: images.length > 0 });
    const start = await startOptions(options, translated);
    const { version, workspace, grace } = start;
    if (prompt.removedNuls > 0)
      options.onWarning?.(`${prompt.removedNuls} NUL characters were removed from the prompt`);

    const staged = await stageImages(images);
    try {
      const lease = await this.#acquire(start, options, false);
      return new AppServerTurn({
        lease,
        renew: () => this.#acquire(start, options, true),
        thread: {
          id: options.threadId,
          cwd: workspace,
          model: options.model,
          effort: options.effort,
          sandbox: translated.sandbox ?? options.sandbox ?? "danger-full-access",
          approvalPolicy: translated.approvalPolicy ?? "never",
          isEphemeral: translated.isEphemeral,
          writableRoots: absoluteRoots(translated.writableRoots, workspace),
          config: typeof config === "function" ? config(version) : config,
        },
        turn: { text: prompt.text, imagePaths: staged.paths, context: options.context },
        timeoutMs,
        stallMs: options.stallMs ?? DEFAULT_STALL_MS,
        grace,
        signal,
        maxUnreadBytes: options.maxUnreadBytes ?? DEFAULT_MAX_UNREAD_BYTES,
        onWarning: (message) => options.onWarning?.(message),
        release: async () => staged[Symbol.asyncDispose](),
      });
    } catch (error) {
      await staged[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #acquire(start: StartOptions, { onProcess, signal }: AppServerTurnOptions, isFresh: boolean): Promise<Lease> {
    const { version, workspace, grace } = start;
    const before = () => endLeftovers(workspace, grace);
    const lease = await asCodexError(this.#pool.acquire(start, { isFresh, before, signal }));
    const { pid, command } = lease.server;
    try {
      onProcess?.({ pid, version, command, isKept: lease.isKept });
    } catch (error) {
      await lease.release({ isClean: true });
      throw error;
    }
    return lease;
  }

  /** The number of idle processes. */
  get idleCount(): number {
    return this.#pool.idleCount;
  }

  /** Ends all idle processes, and those of running turns when they end. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool[Symbol.asyncDispose]();
  }
}

/** @throws CodexTurnError `app_server_unavailable` for an argument without an equivalent. */
function translateForTurn({ extraArgs = [], threadId }: AppServerTurnOptions): TranslatedArgs {
  const translated = translateArgs(extraArgs);
  const untranslatable = translated.isEphemeral && threadId !== undefined ? "--ephemeral" : translated.untranslatable;
  if (untranslatable === undefined) return translated;
  throw new CodexTurnError(
    "app_server_unavailable",
    `codex app-server has no equivalent of the argument ${untranslatable}: remove it, or run the turn with codex exec.`,
  );
}

/** Finds codex and creates the workspace. */
async function startOptions(options: AppServerTurnOptions, translated: TranslatedArgs): Promise<StartOptions> {
  const { binary = "codex", env = process.env, signal } = options;
  signal?.throwIfAborted();
  const program = await locateCodex(binary, env);
  const version = await assertSupported(program, env, signal);
  const workspace = await asCodexError(makeWorkspace(options.workspace));
  signal?.throwIfAborted();
  return {
    program,
    version,
    args: translated.processArgs,
    workspace,
    env,
    initializeTimeoutMs: options.initializeTimeoutMs ?? 45_000,
    grace: { ...DEFAULT_GRACE, ...options.grace },
    onStderr: (line) => options.onStderr?.(line),
  };
}

/** Longer than codex itself waits for a silent model: after 300 s it retries, and reports that. */
const DEFAULT_STALL_MS = 10 * 60 * 1000;

const DEFAULT_MAX_UNREAD_BYTES = 64 * 1024 * 1024;
