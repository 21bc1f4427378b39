import { startTurn } from "@plexum/codex-exec";
import type { Usage as ThreadUsage } from "@plexum/codex-jsonl";
import type { PromptImage, Turn, TurnResult } from "@plexum/codex-turn";
import type { StreamContext, StreamRequest, Usage } from "@plexum/plugin-sdk";
import type { WorkspaceThread } from "@plexum/session-store";
import type { Config } from "./config.ts";
import type { HostTools } from "./host-tools.ts";
import type { Log } from "./log.ts";
import { modelArgument } from "./model-argument.ts";
import { ToolCallEvents } from "./tool-call-events.ts";
import { translateEvent } from "./translate-event.ts";
import { TurnThread } from "./turn-thread.ts";
import { turnUsage } from "./turn-usage.ts";

export interface RunTurnOptions extends StreamContext {
  readonly request: StreamRequest;
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly codexHome: string;
  readonly store: WorkspaceThread;
  readonly tools: HostTools;
  readonly log: Log;
  /** The thread to go on with; undefined for a new one. */
  readonly threadId: string | undefined;
  readonly text: string;
  readonly images: readonly PromptImage[];
  /** Called once codex runs, before any event. */
  readonly onStarted?: () => Promise<void>;
}

export interface TurnEnd {
  readonly result: TurnResult;
  readonly usage: Usage;
}

/** One run of codex: its text as it says it, its tool calls as it records them, and how it ended. */
export async function runTurn(options: RunTurnOptions): Promise<TurnEnd> {
  const { request, config, codexHome, store, tools, log, threadId, text, emit, signal } = options;
  await using thread = await TurnThread.open(codexHome, store, threadId, signal);
  await using offered = await tools.offer(request, log, signal);
  const model = modelArgument(request.model_id, config);
  // Disposed of behind the turn, in whatever way that ends: codex has recorded all it will by then.
  await using calls = new ToolCallEvents(emit, log, tools.nestedCalls);
  await using turn = await startTurn({
    prompt: text,
    images: options.images,
    workspace: request.agent.workspace,
    threadId,
    binary: config.binary,
    model,
    extraArgs: (version) => [...offered.args(version), ...config.extraArgs],
    env: { ...options.env, ...offered.env },
    signal,
    ...(config.timeoutMs === undefined ? {} : { timeoutMs: config.timeoutMs }),
    onWarning: (message) => log("warning", message),
    onStderr: (line) => log("debug", line, { source: "codex stderr" }),
    onSpawn: ({ pid, version }) =>
      log("info", "codex started", { pid, version, model, resume: threadId, prompt_length: text.length }),
  });
  await options.onStarted?.();
  await relay(turn, thread, calls, options);
  const result = await turn.result;
  await thread.keep();
  if (thread.rollout !== undefined) calls.follow(thread.rollout, thread.sizeBefore);
  const reported = result.status === "completed" ? result.threadUsage : null;
  return { result, usage: turnUsage(thread.usageBefore, reported ?? (await recordedUsage(thread, log))) };
}

/** How the turn ended is known by now, and is not to be lost with the rollout. */
async function recordedUsage(thread: TurnThread, log: Log): Promise<ThreadUsage | undefined> {
  try {
    return await thread.usageNow();
  } catch (error) {
    log("warning", `the turn's tokens can't be told: ${(error as Error).message}`);
    return undefined;
  }
}

async function relay(
  turn: Turn,
  thread: TurnThread,
  calls: ToolCallEvents,
  { emit, log }: RunTurnOptions,
): Promise<void> {
  for await (const event of turn.events) {
    if (event.type === "thread.started") await thread.started(event.thread_id);
    await thread.keep();
    if (thread.rollout !== undefined) calls.follow(thread.rollout, thread.sizeBefore);
    const translation = translateEvent(event);
    if (translation === undefined) continue;
    if ("log" in translation) {
      log(translation.log.level, translation.log.message, translation.log.fields);
      continue;
    }
    await calls.catchUp();
    for (const translated of translation.events) await emit(translated);
  }
}
