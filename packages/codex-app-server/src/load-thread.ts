import { setTimeout as delay } from "node:timers/promises";
import { classifyResumeFailure, type SandboxMode } from "@plexum/codex-turn";
import { RpcError } from "@plexum/json-rpc";
import type { AppServer } from "./app-server.ts";
import {
  effortConfig,
  type LoadedThread,
  METHODS,
  readConfig,
  readConfigParams,
  readDefaultModel,
  readLoadedThread,
  resumeThreadParams,
  startThreadParams,
  type ThreadParams,
  untrusted,
} from "./wire.ts";

/** The delay before a resume is repeated, in milliseconds, while codex is still unloading the thread. */
const RESUME_AGAIN_MS = 5;

/** How often a resume is repeated. */
const RESUME_TRIES = 200;

/** The thread of a turn, and the settings that it is loaded with. */
export interface ThreadOptions {
  /** Undefined for a new thread. */
  readonly id: string | undefined;
  readonly cwd: string;
  readonly model: string | undefined;
  readonly effort: string | undefined;
  readonly sandbox: SandboxMode;
  readonly approvalPolicy: string;
  readonly writableRoots: readonly string[];
  readonly isEphemeral: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface LoadLimits {
  /** Aborts the requests. */
  readonly signal: AbortSignal;
  /** How long codex may take to answer each request, in milliseconds. */
  readonly answerMs: number;
  /** How long it may take to answer the first one, which needs no work. */
  readonly firstAnswerMs: number;
  /** Called when codex has answered the first request. */
  readonly onFirstAnswer: () => void;
  /** Called if the thread has another model provider than the config names. */
  readonly onOtherProvider: (modelProvider: string) => void;
}

type Ask = (method: string, params: object, timeoutMs?: number) => Promise<unknown>;

/**
 * Loads a thread into a process: starts a new one, or resumes an existing one with the settings of this turn.
 * @throws CodexTurnError if codex can't resume the thread; RpcError with any other error of codex's; JsonRpcError `closed` if the
 * process is gone, `timed_out`; the signal's reason.
 */
export async function loadThread(server: AppServer, thread: ThreadOptions, limits: LoadLimits): Promise<LoadedThread> {
  const { signal, answerMs, firstAnswerMs, onFirstAnswer } = limits;
  const ask: Ask = (method, params, timeoutMs = answerMs) => server.request(method, params, { signal, timeoutMs });

  const config = readConfig(await ask(METHODS.readConfig, readConfigParams(thread.cwd), firstAnswerMs));
  onFirstAnswer();
  const model = thread.model ?? config.model ?? readDefaultModel(await ask(METHODS.listModels, {}));
  // A decision about a parent folder does not count, unless that folder is the repository.
  const isDecided = config.loadsProject || config.decidedFolders.includes(thread.cwd);
  const params: ThreadParams = {
    ...thread,
    model,
    config: {
      ...(isDecided ? {} : untrusted(thread.cwd)),
      ...(thread.effort === undefined ? {} : effortConfig(thread.effort)),
      ...thread.config,
    },
  };
  const loaded =
    thread.id === undefined
      ? await ask(METHODS.startThread, startThreadParams(params, server.version))
      : await resume(ask, resumeThreadParams(thread.id, params));
  const answer = readLoadedThread(loaded);
  const { id, path, modelProvider } = answer;
  // 0.135.0 loads a file under the id in its content, whatever its name says.
  if (thread.id !== undefined && id !== thread.id.toLowerCase())
    throw classifyResumeFailure(`the session file ${path ?? ""} belongs to thread ${id}, not ${thread.id}`);
  // 0.135.0 changes the provider of a thread to that of the config. 0.169.0 and 0.171.0 keep the thread's own.
  if (modelProvider !== undefined && modelProvider !== config.modelProvider) limits.onOtherProvider(modelProvider);
  return answer;
}

async function resume(ask: Ask, params: object): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask(METHODS.resumeThread, params);
    } catch (error) {
      if (!RpcError.isInstance(error)) throw error;
      if (!/is closing/.test(error.message)) throw classifyResumeFailure(error.message);
      if (tries === RESUME_TRIES) throw error;
      await delay(RESUME_AGAIN_MS);
    }
  }
}
