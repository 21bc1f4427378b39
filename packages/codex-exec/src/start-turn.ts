import { setTimeout as delay } from "node:timers/promises";
import {
  type CliEnd,
  type CliRun,
  DEFAULT_GRACE,
  DEFAULT_TIMEOUT_MS,
  type EndGrace,
  type EndStep,
  startCli,
} from "@plexum/cli-turn";
import { createEventParser, type ParsedEvent } from "@plexum/codex-jsonl";
import {
  asCodexError,
  assertSupported,
  checkPrompt,
  locateCodex,
  type PromptImage,
  type SandboxMode,
  SETUP_GRACE_MS,
  stageImages,
  type Turn,
  type TurnResult,
} from "@plexum/codex-turn";
import { commandLine } from "./command-line.ts";
import { TurnRecord } from "./turn-record.ts";

export interface StartTurnOptions {
  /** What the user says, at most 1,048,576 code points. */
  readonly prompt: string;
  /** The folder codex works in; created if it is missing. */
  readonly workspace: string;
  /** The UUID of the thread to continue. Without it, a new thread begins. */
  readonly threadId?: string | undefined;
  /** The codex executable: a path, or a name on the PATH. @default "codex" */
  readonly binary?: string;
  /** The value of `--model`. Default: codex's own choice. */
  readonly model?: string | undefined;
  /** The reasoning effort, in codex's words. Default: the config's. */
  readonly effort?: string | undefined;
  /** What the model's commands may do. An argument for the sandbox in `extraArgs` wins. @default "danger-full-access" */
  readonly sandbox?: SandboxMode;
  readonly images?: readonly PromptImage[];
  /** More arguments for `codex exec`; a function is called with codex's version. */
  readonly extraArgs?: readonly string[] | ((version: string) => readonly string[]);
  /** The environment that codex runs in. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** The turn's time limit, in milliseconds. @default 3_600_000 */
  readonly timeoutMs?: number;
  readonly grace?: Partial<EndGrace>;
  /** Cancels the turn, also while it starts. */
  readonly signal?: AbortSignal;
  /** The longest line of codex's stdout that is read as an event, in bytes. @default 33_554_432 */
  readonly maxLineBytes?: number;
  /**
   * How far codex may run ahead of the reader of the events, in bytes of its stdout, before it has to wait. The default is high
   * because codex drops events of its own while it waits (0.135.0 then writes an `error` item, "event stream lagged").
   *
   * @default 67_108_864
   */
  readonly maxUnreadBytes?: number;
  /** Called with each line that codex writes to stderr, without escape sequences. */
  readonly onStderr?: (line: string) => void;
  /** Called when the prompt was changed. */
  readonly onWarning?: (message: string) => void;
  /** Called as soon as codex runs. */
  readonly onSpawn?: (spawned: SpawnedCodex) => void;
}

export interface SpawnedCodex {
  readonly pid: number;
  readonly version: string;
  /** Does not contain the prompt, which is passed over stdin. */
  readonly command: readonly string[];
}

/**
 * Runs one turn with `codex exec`. Before it starts codex, it ends whatever a killed owner left running in the same workspace.
 * The caller must hold the workspace's lock. A failure after the start is in the turn's `result`.
 *
 * @throws CodexTurnError if the turn can't start; nothing has been sent in that case. RangeError for a `timeoutMs` that is not
 * positive. The signal's reason if it is aborted before the start.
 */
export async function startTurn(options: StartTurnOptions): Promise<Turn> {
  const { binary = "codex", env = process.env, timeoutMs = DEFAULT_TIMEOUT_MS, signal, extraArgs } = options;
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be a positive number of milliseconds, not ${timeoutMs}`);
  const prompt = checkPrompt(options.prompt);
  signal?.throwIfAborted();
  const codex = await locateCodex(binary, env);
  const version = await assertSupported(codex, env, signal);
  signal?.throwIfAborted();
  if (prompt.removedNuls > 0) options.onWarning?.(`${prompt.removedNuls} NUL characters were removed from the prompt`);

  const images = await stageImages(options.images ?? []);
  try {
    const record = new TurnRecord();
    const grace = { ...DEFAULT_GRACE, ...options.grace };
    const run = await asCodexError(
      startCli<ParsedEvent>({
        program: codex,
        args: commandLine({
          ...options,
          images: images.paths,
          extraArgs: typeof extraArgs === "function" ? extraArgs(version) : extraArgs,
        }),
        workspace: options.workspace,
        stdin: prompt.text,
        env,
        timeoutMs,
        endSteps: () => endSteps(record, grace),
        terminateMs: grace.terminateMs,
        signal,
        parser: eventsOf(record, () => run.expectCommand(), options.maxLineBytes),
        ...(options.maxUnreadBytes === undefined ? {} : { maxUnreadBytes: options.maxUnreadBytes }),
        onStderr: options.onStderr,
        isNoise: (line) => CHATTER.test(line),
      }),
    );
    const turn = turnOf(run, async (end) => {
      await images[Symbol.asyncDispose]();
      return record.result(end);
    });
    try {
      options.onSpawn?.({ pid: run.pid, version, command: run.command });
    } catch (error) {
      await turn.cancel();
      throw error;
    }
    return turn;
  } catch (error) {
    await images[Symbol.asyncDispose]();
    throw error;
  }
}

function turnOf(run: CliRun<ParsedEvent>, resultOf: (end: CliEnd) => Promise<TurnResult>): Turn {
  const result = run.result.then(resultOf);
  const cancel = async () => {
    await run.cancel();
    return result;
  };
  return {
    events: run.output,
    result,
    cancel,
    [Symbol.asyncDispose]: async () => void (await cancel()),
  };
}

/** Lines about codex's start that are not errors (0.135.0 to 0.169.0). */
const CHATTER =
  /^(Reading (additional input|prompt) from stdin\.\.\.|WARNING: proceeding, even though we could not (update PATH|create PATH aliases))/;

/**
 * On SIGINT codex stops its commands and records that the turn was aborted; SIGTERM and SIGKILL leave the commands running
 * (seen in 0.169.0). But a SIGINT that arrives shortly before `turn.started` is lost, and later ones are ignored (0.135.0,
 * 0.169.0): codex would continue, and run what the model answers, until it gets SIGTERM. Before that event there is
 * nothing to record, so codex gets SIGTERM, as soon as it is set up.
 */
async function endSteps(record: TurnRecord, grace: EndGrace): Promise<readonly EndStep[]> {
  await Promise.race([record.firstEvent, delay(SETUP_GRACE_MS, undefined, { ref: false })]);
  const terminate: EndStep = { signal: "SIGTERM", graceMs: grace.terminateMs };
  return record.hasStarted ? [{ signal: "SIGINT", graceMs: grace.interruptMs }, terminate] : [terminate];
}

/** Parses codex's output, and records each event whether or not anyone reads it. */
function eventsOf(record: TurnRecord, onCommand: () => void, maxLineBytes: number | undefined) {
  let events: ParsedEvent[] = [];
  const take = (event: ParsedEvent) => {
    record.note(event);
    if (event.type === "item.started") onCommand();
    events.push(event);
  };
  const handlers = { onEvent: take, onUnknown: take, onMalformed: take, onOversized: take };
  const parser = createEventParser(handlers, maxLineBytes === undefined ? {} : { maxLineBytes });
  const taken = () => {
    const batch = events;
    events = [];
    return batch;
  };
  return {
    write(chunk: Uint8Array) {
      parser.write(chunk);
      return taken();
    },
    end() {
      parser.end();
      return taken();
    },
  };
}
