import type { Usage as ThreadUsage } from "@plexum/codex-jsonl";
import type { PromptImage, Turn, TurnResult } from "@plexum/codex-turn";
import type { StreamContext, StreamRequest, Usage } from "@plexum/plugin-sdk";
import type { WorkspaceThread } from "@plexum/session-store";
import type { Config } from "../config.ts";
import { type HostTools, hostNames } from "../host-tools/host-tools.ts";
import type { Log } from "../log.ts";
import { modelChoice } from "./model-choice.ts";
import { StartGate, type TurnStart } from "./start-gate.ts";
import { SystemPrompt } from "./system-prompt.ts";
import { ToolCallEvents } from "./tool-call-events.ts";
import { EventTranslator } from "./translate-event.ts";
import type { Transports } from "./transports.ts";
import { TurnThread } from "./turn-thread.ts";
import { turnUsage } from "./turn-usage.ts";

export interface RunTurnOptions extends StreamContext {
  readonly request: StreamRequest;
  readonly config: Config;
  readonly codexHome: string;
  readonly store: WorkspaceThread;
  readonly tools: HostTools;
  readonly transports: Transports;
  readonly log: Log;
  /** The thread to continue; undefined for a new one. */
  readonly threadId: string | undefined;
  readonly text: string;
  /** The thread's own model provider, if codex's config names another. */
  readonly modelProvider?: string;
  readonly images: readonly PromptImage[];
  /** Called when codex has started, before any event. */
  readonly onStarted?: () => Promise<void>;
}

export interface TurnEnd {
  readonly result: TurnResult;
  readonly usage: Usage;
  /** Whether codex may have sent the prompt to the model. If so, the prompt must not be sent again. */
  readonly mayHaveRun: boolean;
}

/** One for the process: all turns share the machine's CPUs. */
const gate = new StartGate();

/** Runs codex once: emits text as it arrives and tool calls as codex records them, and returns how the run ended. */
export async function runTurn(options: RunTurnOptions): Promise<TurnEnd> {
  const { request, config, codexHome, store, tools, transports, log, threadId, text, emit, signal } = options;
  using start = await gate.enter(signal);
  await using thread = await TurnThread.open(codexHome, store, threadId, signal);
  const { workspace } = request.agent;
  const system = await SystemPrompt.of(workspace, request.request.system, thread);
  // Disposed of after the turn, however the turn ends: by then codex has recorded everything.
  await using calls = new ToolCallEvents(emit, log, tools.nestedCalls, hostNames(request));
  await using running = await transports.start({
    text,
    images: options.images,
    workspace,
    threadId,
    modelProvider: options.modelProvider,
    choice: modelChoice(request.model_id, config),
    context: system.context,
    signal,
    log,
    offer: (transport) => tools.offer(request, transport, log, signal),
  });
  const { turn } = running;
  await options.onStarted?.();
  // codex exec can't pass the system prompt (0.135.0 to 0.169.0).
  const onThread = async (id: string) => {
    if (running.transport === "exec") return;
    await system.prompt.started(id).catch((error: Error) => {
      log(
        "warning",
        `the next turn may repeat the system prompt: this turn's prompt can't be recorded (${error.message})`,
      );
    });
  };
  const mayHaveRun = await relay(turn, thread, calls, options, onThread, start);
  const result = await turn.result;
  await thread.keep();
  if (thread.rollout !== undefined) calls.follow(thread.rollout, thread.sizeBefore);
  const reported = result.status === "completed" ? result.threadUsage : null;
  const usage = turnUsage(thread.usageBefore, reported ?? (await recordedUsage(thread, log)));
  return { result, usage, mayHaveRun };
}

/** Logs errors instead of throwing: the result of the turn is known and must not be lost if the rollout can't be read. */
async function recordedUsage(thread: TurnThread, log: Log): Promise<ThreadUsage | undefined> {
  try {
    return await thread.usageNow();
  } catch (error) {
    log("warning", `the turn's tokens can't be determined: ${(error as Error).message}`);
    return undefined;
  }
}

async function relay(
  turn: Turn,
  thread: TurnThread,
  calls: ToolCallEvents,
  { emit, log }: RunTurnOptions,
  onThread: (id: string) => Promise<void>,
  start: TurnStart,
): Promise<boolean> {
  const translator = new EventTranslator();
  let mayHaveRun = false;
  for await (const event of turn.events) {
    mayHaveRun ||= RUNNING.has(event.type);
    if (mayHaveRun) start.over();
    if (event.type === "thread.started") {
      await thread.started(event.thread_id);
      await onThread(event.thread_id);
    }
    await thread.keep();
    if (thread.rollout !== undefined) calls.follow(thread.rollout, thread.sizeBefore);
    const translation = translator.translate(event);
    if (translation === undefined) continue;
    if ("log" in translation) {
      log(translation.log.level, translation.log.message, translation.log.fields);
      continue;
    }
    // Emit a message after the calls that it is about.
    if (translation.isFirst) await calls.catchUp();
    await emit(translation.text);
  }
  return mayHaveRun;
}

/** Events that occur only while a turn runs. */
const RUNNING: ReadonlySet<string> = new Set([
  "turn.started",
  "turn.completed",
  "item.started",
  "item.updated",
  "agent_message.delta",
  "reasoning.delta",
  "command_output.delta",
]);
