import { AppServerTurns } from "@plexum/codex-app-server";
import { startTurn } from "@plexum/codex-exec";
import { CodexTurnError, type PromptImage, type Turn } from "@plexum/codex-turn";
import { codexNoProxy } from "@plexum/mcp-bridge";
import type { Config, ModelChoice } from "../config.ts";
import type { OfferedTools } from "../host-tools/host-tools.ts";
import type { Log } from "../log.ts";
import { checkExecText } from "./exec-text.ts";

export type Transport = "app-server" | "exec";

/** How long to wait before trying an unavailable app-server again, in milliseconds. */
const UNAVAILABLE_MS = 5 * 60 * 1000;

export interface TurnInput {
  readonly text: string;
  readonly images: readonly PromptImage[];
  readonly workspace: string;
  readonly threadId: string | undefined;
  /** The thread's own model provider, if codex refused to continue it with the one that its config names. */
  readonly modelProvider: string | undefined;
  readonly choice: ModelChoice;
  /** Context for the model, shown before the prompt. Only app-server accepts it. */
  readonly context: { readonly key: string; readonly value: string } | undefined;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Makes the host's tools reachable over the chosen transport. */
  readonly offer: (transport: Transport) => Promise<OfferedTools>;
}

/** A running turn with its tools. Dispose of it to end both. */
export interface RunningTurn extends AsyncDisposable {
  readonly turn: Turn;
  readonly transport: Transport;
}

/** Runs turns over app-server or `codex exec`, and chooses between them. */
export class Transports implements AsyncDisposable {
  readonly #config: Config;
  readonly #env: NodeJS.ProcessEnv;
  readonly #appServer: AppServerTurns;
  #unavailableUntil = 0;

  constructor(config: Config, env: NodeJS.ProcessEnv, codexHome: string) {
    this.#config = config;
    this.#env = env;
    const { keepAliveMs, maxKept } = config;
    this.#appServer = new AppServerTurns({ keepAliveMs, maxKept, codexHome });
  }

  /**
   * Starts a turn. `auto` uses an app-server or, if none is available, `codex exec`. A turn with another model provider than the config's
   * runs with `codex exec`: an app-server of 0.166.0 and 0.167.2 refuses it, whatever `thread/resume` says. Later ones don't ask for it.
   *
   * @throws CodexTurnError if the turn can't start; the signal's reason.
   */
  async start(input: TurnInput): Promise<RunningTurn> {
    const { transport } = this.#config;
    const wasUnavailable = transport === "auto" && performance.now() < this.#unavailableUntil;
    if (transport === "exec" || wasUnavailable || input.modelProvider !== undefined) return this.#start(input, "exec");
    try {
      return await this.#start(input, "app-server");
    } catch (error) {
      const isUnavailable = CodexTurnError.isInstance(error) && error.code === "app_server_unavailable";
      if (!isUnavailable || transport === "app-server") throw error;
      this.#unavailableUntil = performance.now() + UNAVAILABLE_MS;
      input.log("warning", `the turn runs with codex exec, without text deltas: ${error.message}`, {
        detail: error.detail,
      });
      return this.#start(input, "exec");
    }
  }

  /** Ends the kept processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#appServer[Symbol.asyncDispose]();
  }

  async #start(input: TurnInput, transport: Transport): Promise<RunningTurn> {
    await using stack = new AsyncDisposableStack();
    const offered = stack.use(await input.offer(transport));
    const turn = stack.use(
      transport === "app-server" ? await this.#onAppServer(input, offered) : await this.#byExec(input, offered),
    );
    const held = stack.move();
    return { turn, transport, [Symbol.asyncDispose]: () => held.disposeAsync() };
  }

  #onAppServer(input: TurnInput, offered: OfferedTools): Promise<Turn> {
    const { extraArgs, stallMs } = this.#config;
    return this.#appServer.startTurn({
      ...this.#common(input),
      extraArgs,
      config: (version) => offered.config(version),
      context: input.context,
      // The host's tools have a URL on loopback, which no proxy can serve.
      env: { ...this.#env, ...codexNoProxy(this.#env) },
      ...(stallMs === undefined ? {} : { stallMs }),
      onProcess: ({ pid, version, isKept }) =>
        logStart(input, isKept ? "turn on a kept codex" : "codex started", { transport: "app-server", pid, version }),
    });
  }

  async #byExec(input: TurnInput, offered: OfferedTools): Promise<Turn> {
    checkExecText(input.text);
    const { extraArgs } = this.#config;
    const { modelProvider } = input;
    const provider = modelProvider === undefined ? [] : ["-c", `model_provider=${JSON.stringify(modelProvider)}`];
    return startTurn({
      ...this.#common(input),
      extraArgs: (version) => [...offered.args(version), ...extraArgs, ...provider],
      env: { ...this.#env, ...offered.env },
      onSpawn: ({ pid, version }) => logStart(input, "codex started", { transport: "exec", pid, version }),
    });
  }

  #common({ text, images, workspace, threadId, choice, signal, log }: TurnInput) {
    const { binary, sandbox, timeoutMs } = this.#config;
    return {
      prompt: text,
      images,
      workspace,
      threadId,
      binary,
      model: choice.model,
      effort: choice.effort,
      sandbox,
      signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      onWarning: (message: string) => log("warning", message),
      onStderr: (line: string) => log("debug", line, { source: "codex stderr" }),
    };
  }
}

/** Logs the start of a turn, with the prompt's length but never its text. */
function logStart({ log, choice, threadId, text }: TurnInput, message: string, process: Record<string, unknown>): void {
  const { model, effort } = choice;
  log("info", message, { ...process, model, effort, resume: threadId, prompt_length: text.length });
}
