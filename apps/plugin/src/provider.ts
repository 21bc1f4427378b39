import {
  CodexTurnError,
  MAX_PROMPT_CHARACTERS,
  ownProviderWarning,
  type TurnResult,
  threadProviderIn,
} from "@plexum/codex-turn";
import {
  type CallToolResult,
  type Host,
  type MutateReport,
  type MutateRequest,
  type ProviderEvent,
  promptOf,
  type StreamContext,
  type StreamRequest,
  type ToolCall,
  type TurnErrorCode,
  withConversationSoFar,
} from "@plexum/plugin-sdk";
import { codexHomeOf, lockWorkspace, WorkspaceThread } from "@plexum/session-store";
import type { Config } from "./config.ts";
import { HostTools } from "./host-tools/host-tools.ts";
import { LimitedLog, type Log } from "./log.ts";
import { mutateThread } from "./mutate-thread.ts";
import { plain } from "./plain.ts";
import { removeLeftovers } from "./remove-leftovers.ts";
import { callSessionTool } from "./sessions/session-tools.ts";
import { checkExecText } from "./turn/exec-text.ts";
import { whyThreadIsLost } from "./turn/lost-thread.ts";
import { type RunTurnOptions, runTurn, type TurnEnd } from "./turn/run-turn.ts";
import { Transports } from "./turn/transports.ts";

/** How long a turn waits for the workspace's lock, in milliseconds. A mutation holds it briefly to find its thread. */
const WORKSPACE_WAIT_MS = 1000;

const CONVERSATION = {
  maxCharacters: MAX_PROMPT_CHARACTERS,
  reason: "Codex's own record of this conversation is lost.",
};

/** Answers the host's requests with codex. */
export class Provider implements AsyncDisposable {
  readonly #host: Host;
  readonly #config: Config;
  readonly #env: NodeJS.ProcessEnv;
  readonly #codexHome: string;
  readonly #tools: HostTools;
  readonly #transports: Transports;
  readonly #leftoversRemoved: Promise<void>;

  constructor(host: Host, config: Config, env: NodeJS.ProcessEnv) {
    this.#host = host;
    this.#config = config;
    this.#env = env;
    this.#codexHome = codexHomeOf(env);
    this.#tools = new HostTools(host, config, env);
    this.#transports = new Transports(config, env, this.#codexHome);
    this.#leftoversRemoved = removeLeftovers((error) =>
      host.log("debug", `The files of killed plugins can't be removed: ${error.message}`),
    );
  }

  /** Ends the processes and servers that are kept between turns. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transports[Symbol.asyncDispose]();
    await this.#tools[Symbol.asyncDispose]();
    await this.#leftoversRemoved;
  }

  /** Runs one turn under the workspace's lock. An error thrown before `message_start` means that the turn could not start. */
  async stream(request: StreamRequest, { emit, signal }: StreamContext): Promise<void> {
    const { workspace } = request.agent;
    const { messages } = request.request;
    using limited = this.#logFor(workspace);
    const { log } = limited;
    const prompt = promptOf(messages);
    if (this.#config.transport === "exec") checkExecText(prompt.text);
    for (const warning of prompt.warnings) log("warning", warning);

    await using _lock = await lockWorkspace(workspace, { waitMs: WORKSPACE_WAIT_MS, signal });
    const store = new WorkspaceThread(workspace);
    const { threadId, warning } = await store.load();
    if (warning !== undefined) log("warning", warning);

    const run = (options: Pick<RunTurnOptions, "threadId" | "text" | "modelProvider" | "onStarted">) =>
      runTurn({
        ...options,
        request,
        config: this.#config,
        codexHome: this.#codexHome,
        store,
        tools: this.#tools,
        transports: this.#transports,
        images: prompt.images,
        emit,
        signal,
        log,
      });
    const withHistory = () => withConversationSoFar(messages, prompt.text, CONVERSATION);

    const isThreadLost = warning !== undefined;
    let end = await run({
      threadId,
      text: isThreadLost ? withHistory() : prompt.text,
      onStarted: () => emit({ type: "message_start" }),
    }).catch(throwPlainly);
    const modelProvider = end.mayHaveRun ? undefined : providerOfThread(end.result);
    if (modelProvider !== undefined) {
      log("warning", ownProviderWarning(modelProvider));
      end = await run({ threadId, text: prompt.text, modelProvider });
    }
    if (threadId !== undefined && !end.mayHaveRun) {
      const lost = await whyThreadIsLost(threadId, end.result, this.#codexHome);
      if (lost !== undefined) {
        log("warning", lost.message, { detail: lost.detail, file: lost.file });
        end = await run({ threadId: undefined, text: withHistory() });
      }
    }
    await finish(end, emit, log);
  }

  async mutate(request: MutateRequest, { signal }: { signal: AbortSignal }): Promise<MutateReport> {
    const options = { codexHome: this.#codexHome, nestedCalls: this.#tools.nestedCalls, signal };
    const report = await mutateThread(request, options);
    this.#logFor(request.workspace).log("info", "mutated the thread", { ...report });
    return report;
  }

  callTool(call: ToolCall, { signal }: { signal: AbortSignal }): Promise<CallToolResult> {
    return callSessionTool(call, this.#config, this.#env, signal);
  }

  #logFor(workspace: string): LimitedLog {
    return new LimitedLog((level, message, fields) => this.#host.log(level, message, { workspace, ...fields }));
  }
}

/** Returns the model provider of a thread that codex refuses to resume with the one that its config names by now. */
const providerOfThread = (result: TurnResult): string | undefined =>
  result.status === "failed" && result.error.code === "provider_changed"
    ? threadProviderIn(result.error.detail ?? "")
    : undefined;

/** Before `message_start` a failure is the answer to the request: the host shows its message unchanged. */
function throwPlainly(error: unknown): never {
  if (CodexTurnError.isInstance(error)) error.message = plain(error.message);
  throw error;
}

type MessageEnd = Extract<ProviderEvent, { type: "message_end" }>;

const STOP_REASONS: Record<TurnResult["status"], MessageEnd["stop_reason"]> = {
  completed: "end_turn",
  cancelled: "cancelled",
  failed: "error",
};

async function finish({ result, usage }: TurnEnd, emit: StreamContext["emit"], log: Log): Promise<void> {
  if (result.status === "failed") {
    const { message, detail } = result.error;
    const code: TurnErrorCode = result.error.code;
    log("error", message, { code, detail });
    // The message may quote codex and its model server.
    await emit({ type: "error", error: { code, message: plain(message) } });
  }
  await emit({ type: "message_end", stop_reason: STOP_REASONS[result.status], usage });
}
