import { startTurn, type Turn, type TurnResult } from "@plexum/codex-exec";
import type { Host, LogLevel, ProviderEvent, StreamContext, StreamRequest } from "@plexum/plugin-sdk";
import { codexHomeOf, lockWorkspace, WorkspaceThread } from "@plexum/session-store";
import type { Config } from "./config.ts";
import { withConversationSoFar } from "./conversation-so-far.ts";
import { modelArgument } from "./model-argument.ts";
import { promptOf } from "./prompt.ts";
import { translateEvent } from "./translate-event.ts";
import { TurnThread } from "./turn-thread.ts";
import { turnUsage } from "./turn-usage.ts";

/** Runs the host's turns on codex. */
export class Provider {
  readonly #host: Host;
  readonly #config: Config;
  readonly #env: NodeJS.ProcessEnv;
  readonly #codexHome: string;

  constructor(host: Host, config: Config, env: NodeJS.ProcessEnv) {
    this.#host = host;
    this.#config = config;
    this.#env = env;
    this.#codexHome = codexHomeOf(env);
  }

  /** One turn, under the workspace's lock. What it throws before `message_start` is why the turn could not start. */
  async stream(request: StreamRequest, { emit, signal }: StreamContext): Promise<void> {
    const { workspace } = request.agent;
    const { messages } = request.request;
    const log: Log = (level, message, fields) => this.#host.log(level, message, { workspace, ...fields });
    const prompt = promptOf(messages);
    for (const warning of prompt.warnings) log("warning", warning);

    await using _lock = await lockWorkspace(workspace);
    const store = new WorkspaceThread(workspace);
    const stored = await store.load();
    if (stored.warning !== undefined) log("warning", stored.warning);

    const run = (threadId: string | undefined, text: string, onStarted?: () => Promise<void>) =>
      this.#run(request, { store, threadId, text, images: prompt.images, emit, signal, log, onStarted });
    const withHistory = () => withConversationSoFar(messages, prompt.text);

    const isThreadLost = stored.warning !== undefined;
    const started = () => emit({ type: "message_start" });
    let end = await run(stored.threadId, isThreadLost ? withHistory() : prompt.text, started);
    if (stored.threadId !== undefined && isUnknownThread(end.result)) {
      log(
        "warning",
        `codex has no record of thread ${stored.threadId} any more: going on in a fresh thread, given the conversation so far from the host's record`,
      );
      end = await run(undefined, withHistory());
    }
    await this.#finish(end, emit, log);
  }

  async #run(request: StreamRequest, run: Run): Promise<TurnEnd> {
    const { store, threadId, text, images, emit, signal, log, onStarted } = run;
    const { binary, extraArgs, timeoutMs } = this.#config;
    await using thread = await TurnThread.open(this.#codexHome, store, threadId);
    const model = modelArgument(request.model_id, this.#config);
    await using turn = await startTurn({
      prompt: text,
      images,
      workspace: request.agent.workspace,
      threadId,
      binary,
      model,
      extraArgs,
      env: this.#env,
      signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      onWarning: (message) => log("warning", message),
      onStderr: (line) => log("debug", line, { source: "codex stderr" }),
      onSpawn: ({ pid, version }) =>
        log("info", "codex started", { pid, version, model, resume: threadId, prompt_length: text.length }),
    });
    await onStarted?.();
    await this.#relay(turn, thread, emit, log);
    const result = await turn.result;
    await thread.keep();
    const after =
      result.status === "completed" && result.threadUsage !== null ? result.threadUsage : await thread.usageNow();
    return { result, usage: turnUsage(thread.usageBefore, after) };
  }

  async #relay(turn: Turn, thread: TurnThread, emit: StreamContext["emit"], log: Log): Promise<void> {
    for await (const event of turn.events) {
      if (event.type === "thread.started") await thread.started(event.thread_id);
      await thread.keep();
      const translation = translateEvent(event);
      if (translation === undefined) continue;
      if ("log" in translation) log(translation.log.level, translation.log.message, translation.log.fields);
      else for (const translated of translation.events) await emit(translated);
    }
  }

  async #finish({ result, usage }: TurnEnd, emit: StreamContext["emit"], log: Log): Promise<void> {
    if (result.status === "failed") {
      const { code, message, detail } = result.error;
      log("error", message, { code, detail });
      await emit({ type: "error", error: { code, message } });
    }
    await emit({ type: "message_end", stop_reason: STOP_REASONS[result.status], usage });
  }
}

type Log = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;

interface Run extends StreamContext {
  readonly store: WorkspaceThread;
  readonly threadId: string | undefined;
  readonly text: string;
  readonly images: ReturnType<typeof promptOf>["images"];
  readonly log: Log;
  readonly onStarted: (() => Promise<void>) | undefined;
}

interface TurnEnd {
  readonly result: TurnResult;
  readonly usage: ReturnType<typeof turnUsage>;
}

type MessageEnd = Extract<ProviderEvent, { type: "message_end" }>;

const STOP_REASONS: Record<TurnResult["status"], MessageEnd["stop_reason"]> = {
  completed: "end_turn",
  cancelled: "cancelled",
  failed: "error",
};

const isUnknownThread = (result: TurnResult) => result.status === "failed" && result.error.code === "thread_not_found";
