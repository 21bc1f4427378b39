/*
 * The protocol of `codex app-server`: method names, shapes, and the differences between versions. Seen in 0.135.0, 0.147.0,
 * 0.150.0 and 0.169.0 unless a comment names a version. Keys that are not named here are passed through.
 */
import type { CodexItem, OversizedLine, UnknownEvent, Usage } from "@plexum/codex-jsonl";
import type { DeltaEvent, SandboxMode } from "@plexum/codex-turn";

export const METHODS = {
  initialize: "initialize",
  initialized: "initialized",
  login: "account/login/start",
  readConfig: "config/read",
  listModels: "model/list",
  startThread: "thread/start",
  resumeThread: "thread/resume",
  readThread: "thread/read",
  unsubscribe: "thread/unsubscribe",
  cleanTerminals: "thread/backgroundTerminals/clean",
  startTurn: "turn/start",
  interrupt: "turn/interrupt",
} as const;

// --- The process ---

/** The client's name becomes the thread's `originator`, and precedes the version in codex's user agent. */
export const initializeParams = (version: string) => ({
  clientInfo: { name: "plexum", title: null, version },
  // experimentalApi: `additionalContext` and others are refused without it.
  capabilities: { experimentalApi: true, optOutNotificationMethods: ["account/rateLimits/updated"] },
});

/** From 0.154 on a thread is unloaded when its last subscriber leaves, if codex is started with this setting. */
export const unloadsThreads = (version: string): boolean => isSince(version, 154);
export const UNLOAD_AT_ONCE = ["-c", "thread_unload_delay_secs=0"] as const;

/** Makes the API key of `account/login/start` valid for this process only: nothing is written to `auth.json`. */
export const EPHEMERAL_LOGIN = ["-c", 'cli_auth_credentials_store="ephemeral"'] as const;

export const loginParams = (apiKey: string) => ({ type: "apiKey", apiKey });

function isSince(version: string, minor: number): boolean {
  const [major = 0, ownMinor = 0] = version.split(".").map(Number);
  return major > 0 || ownMinor >= minor;
}

// --- Threads ---

export interface ThreadParams {
  readonly cwd: string;
  readonly model: string | undefined;
  readonly sandbox: SandboxMode | undefined;
  readonly approvalPolicy: string;
  readonly writableRoots: readonly string[];
  /** Whether codex should not record the thread; for a new thread only. */
  readonly isEphemeral: boolean;
  /** Keys of config.toml, dotted or nested; merged with the file's, for this load of the thread only. */
  readonly config: Readonly<Record<string, unknown>>;
}

const loadParams = ({ cwd, model, sandbox, approvalPolicy, writableRoots, config }: ThreadParams) => ({
  cwd,
  approvalPolicy,
  ...(sandbox === undefined ? {} : { sandbox }),
  // A resume without a model keeps the thread's last one, while `codex exec resume` uses the config's.
  ...(model === undefined ? {} : { model }),
  ...(writableRoots.length === 0 ? {} : { runtimeWorkspaceRoots: [cwd, ...writableRoots] }),
  config,
});

export const startThreadParams = (params: ThreadParams, version: string) => ({
  ...loadParams(params),
  ...(params.isEphemeral ? { ephemeral: true } : recordedAs(version)),
});

/**
 * From 0.148 to 0.150 app-server records a new thread in the older form unless it is asked for the newer one, which `codex exec`
 * uses. The older form does not record the commands of code mode's scripts.
 */
const recordedAs = (version: string) => (isSince(version, 148) ? { historyMode: "paginated" } : {});

export const resumeThreadParams = (threadId: string, params: ThreadParams) => ({
  threadId,
  ...loadParams(params),
  excludeTurns: true,
});

export interface LoadedThread {
  readonly id: string;
  /** Where codex records the thread. For a new thread the file does not exist yet. */
  readonly path: string | undefined;
  readonly modelProvider: string | undefined;
}

/** Reads the thread from the answer. @throws TypeError if codex answered with something else. */
export function readLoadedThread(result: unknown): LoadedThread {
  const { thread: loaded, modelProvider } = keysOf(result);
  const thread = keysOf(loaded);
  if (typeof thread.id !== "string") throw new TypeError("codex app-server loaded a thread without reporting its id");
  return { id: thread.id, path: textOf(thread.path), modelProvider: textOf(modelProvider) };
}

/** Returns the thread's status from the answer to `thread/read`: `active` while a turn runs. */
export const readThreadStatus = (result: unknown): string | undefined =>
  textOf(keysOf(keysOf(keysOf(result).thread).status).type);

// --- The config ---

/** The provider that codex uses if the config names none (0.135, 0.169). */
const DEFAULT_PROVIDER = "openai";

export const readConfigParams = (cwd: string) => ({ cwd, includeLayers: true });

export interface CodexConfig {
  readonly model: string | undefined;
  readonly modelProvider: string;
  /** The folders for which the user has decided whether to trust their content. */
  readonly decidedFolders: readonly string[];
  /** Whether codex loads the `.codex` of this folder or of its repository: the user trusts it. */
  readonly loadsProject: boolean;
}

export function readConfig(result: unknown): CodexConfig {
  const { config, layers } = keysOf(result);
  const { model, model_provider: provider, projects } = keysOf(config);
  return {
    model: textOf(model),
    modelProvider: textOf(provider) ?? DEFAULT_PROVIDER,
    decidedFolders: Object.keys(keysOf(projects)),
    loadsProject: Array.isArray(layers) && layers.map(keysOf).some(isTrustedProject),
  };
}

/** Codex also lists the layers of an untrusted folder, with the reason why it does not load them. */
const isTrustedProject = ({ name, disabledReason }: Record<string, unknown>): boolean =>
  keysOf(name).type === "project" && typeof disabledReason !== "string";

/**
 * Marks a folder as untrusted. Otherwise app-server trusts a folder that the user has not decided about, loads its config, and
 * writes that decision to config.toml; `codex exec` does not load that config.
 */
export const untrusted = (cwd: string) => ({ projects: { [cwd]: { trust_level: "untrusted" } } });

/** Returns the model that codex uses if the config names none. */
export function readDefaultModel(result: unknown): string | undefined {
  const models = keysOf(result).data;
  if (!Array.isArray(models)) return undefined;
  return textOf(keysOf(models.find((model) => keysOf(model).isDefault === true)).id);
}

export const effortConfig = (effort: string) => ({ model_reasoning_effort: effort });

// --- Turns ---

export interface TurnParams {
  readonly text: string;
  readonly imagePaths: readonly string[];
  /** Shown to the model in a developer message of its own, as `<key>value</key>`. */
  readonly context: { readonly key: string; readonly value: string } | undefined;
}

export const startTurnParams = (threadId: string, { text, imagePaths, context }: TurnParams) => ({
  threadId,
  input: [
    ...(text === "" ? [] : [{ type: "text", text }]),
    ...imagePaths.map((path) => ({ type: "localImage", path })),
  ],
  ...(context === undefined
    ? {}
    : { additionalContext: { [context.key]: { value: context.value, kind: "application" } } }),
});

export const readStartedTurn = (result: unknown): string | undefined => textOf(keysOf(keysOf(result).turn).id);

// --- Notifications ---

/** What an error notification or a failed turn says. */
export interface WireError {
  readonly message: string;
  /** A word, or an object with one key; see codex's `CodexErrorInfo`. */
  readonly codexErrorInfo: unknown;
  readonly additionalDetails: string | undefined;
}

/** A notification about a thread, in the form that a turn needs. */
export type Notification =
  | { readonly kind: "turn-started"; readonly turnId: string | undefined }
  | {
      readonly kind: "turn-completed";
      readonly turnId: string | undefined;
      readonly status: string;
      readonly error: WireError | undefined;
    }
  | {
      readonly kind: "item-started" | "item-completed";
      readonly itemId: string;
      readonly itemType: string;
      readonly item: CodexItem | undefined;
      readonly value: object;
    }
  | { readonly kind: "delta"; readonly event: DeltaEvent }
  | { readonly kind: "usage"; readonly total: Usage }
  | { readonly kind: "error"; readonly error: WireError; readonly willRetry: boolean }
  | { readonly kind: "warning"; readonly message: string }
  | { readonly kind: "thread-closed" }
  | { readonly kind: "thread-status"; readonly status: string }
  | { readonly kind: "other"; readonly event: UnknownEvent };

/** Returns the id of the thread that a notification is about; undefined if it is about the process. */
export const threadOf = (params: unknown): string | undefined => {
  const { threadId, thread } = keysOf(params);
  return textOf(threadId) ?? textOf(keysOf(thread).id);
};

/** Reads a notification. An unknown notification, or one without its essential keys, becomes `other`. */
export function readNotification(method: string, params: unknown): Notification {
  const all = keysOf(params);
  switch (method) {
    case "turn/started":
      return { kind: "turn-started", turnId: textOf(keysOf(all.turn).id) };
    case "turn/completed": {
      const { id, status, error } = keysOf(all.turn);
      return {
        kind: "turn-completed",
        turnId: textOf(id),
        status: textOf(status) ?? "",
        error: isObject(error) ? readError(error) : undefined,
      };
    }
    case "item/started":
    case "item/completed": {
      const value = keysOf(all.item);
      const kind = method === "item/started" ? "item-started" : "item-completed";
      return { kind, itemId: textOf(value.id) ?? "", itemType: textOf(value.type) ?? "", item: readItem(value), value };
    }
    case "item/agentMessage/delta":
      return delta("agent_message.delta", all) ?? other(method, params);
    case "item/reasoning/summaryTextDelta":
      return delta("reasoning.delta", all) ?? other(method, params);
    case "item/commandExecution/outputDelta":
      return delta("command_output.delta", all) ?? other(method, params);
    case "thread/tokenUsage/updated": {
      const total = readUsage(keysOf(keysOf(all.tokenUsage).total));
      return total === undefined ? other(method, params) : { kind: "usage", total };
    }
    case "error":
      return { kind: "error", error: readError(keysOf(all.error)), willRetry: all.willRetry === true };
    case "warning":
      return { kind: "warning", message: textOf(all.message) ?? "" };
    case "thread/closed":
      return { kind: "thread-closed" };
    case "thread/status/changed":
      return { kind: "thread-status", status: textOf(keysOf(all.status).type) ?? "" };
    default:
      return other(method, params);
  }
}

/** Describes a line that is too long to be read. */
export function oversizedEvent(head: Uint8Array, length: number): OversizedLine {
  const excerpt = new TextDecoder().decode(head.subarray(0, 1024), { stream: true });
  const eventType = /"method"\s*:\s*"([^"\\]*)"/.exec(excerpt)?.[1];
  return { type: "oversized", ...(eventType === undefined ? {} : { eventType }), offset: 0, length, excerpt };
}

/** Returns the id of the item that such a line is about: codex writes its type and its id before anything that can be long. */
export const itemIdIn = ({ excerpt }: OversizedLine): string | undefined =>
  /"item"\s*:\s*\{\s*"type"\s*:\s*"[^"\\]*"\s*,\s*"id"\s*:\s*"([^"\\]*)"/.exec(excerpt)?.[1];

/** Whether such a line is the end of a turn of this thread. Its status follows the items, beyond the excerpt. */
export const endsTurnOf = (threadId: string, { eventType, excerpt }: OversizedLine): boolean =>
  eventType === "turn/completed" && excerpt.includes(JSON.stringify(threadId));

/** Notifications that are sent in every turn and are of no use to its reader. */
const SILENT = new Set([
  "thread/started",
  "thread/goal/cleared",
  "thread/settings/updated",
  "thread/readState/changed",
  "thread/name/updated",
  "account/rateLimits/updated",
  "item/reasoning/summaryPartAdded",
]);

export const isSilent = (method: string): boolean => SILENT.has(method);

function delta(type: DeltaEvent["type"], { itemId, delta }: Record<string, unknown>): Notification | undefined {
  if (typeof itemId !== "string" || typeof delta !== "string") return undefined;
  return { kind: "delta", event: { type, item_id: itemId, delta } };
}

const other = (method: string, params: unknown): Notification => ({
  kind: "other",
  event: { type: "unknown", eventType: method, offset: 0, value: { method, params } },
});

function readError(error: Record<string, unknown>): WireError {
  return {
    message: textOf(error.message) ?? "",
    codexErrorInfo: error.codexErrorInfo,
    additionalDetails: textOf(error.additionalDetails),
  };
}

/** Returns the HTTP status that the error names, if it comes from an HTTP response. */
export function statusOfError({ codexErrorInfo }: WireError): number | undefined {
  const [value] = Object.values(keysOf(codexErrorInfo));
  const { httpStatusCode } = keysOf(value);
  return typeof httpStatusCode === "number" ? httpStatusCode : undefined;
}

function readUsage(total: Record<string, unknown>): Usage | undefined {
  const { inputTokens, outputTokens } = total;
  if (typeof inputTokens !== "number" || typeof outputTokens !== "number") return undefined;
  const optional = (key: string, value: unknown) => (typeof value === "number" ? { [key]: value } : {});
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    ...optional("cached_input_tokens", total.cachedInputTokens),
    ...optional("cache_write_input_tokens", total.cacheWriteInputTokens),
    ...optional("reasoning_output_tokens", total.reasoningOutputTokens),
  };
}

// --- Items: app-server's names for what `codex exec --json` writes in snake case ---

/** Reads an item, keeping its other keys. Returns undefined for an item that `codex exec` has no name for. */
function readItem(value: Record<string, unknown>): CodexItem | undefined {
  const id = textOf(value.id) ?? "";
  switch (value.type) {
    case "agentMessage":
      return { ...value, id, type: "agent_message", text: textOf(value.text) ?? "" };
    case "reasoning":
      return { ...value, id, type: "reasoning", text: textsOf(value.summary).join("\n\n") };
    case "commandExecution":
      return {
        ...value,
        id,
        type: "command_execution",
        command: textOf(value.command) ?? "",
        aggregated_output: textOf(value.aggregatedOutput) ?? "",
        exit_code: typeof value.exitCode === "number" ? value.exitCode : null,
        status: statusOf(value.status),
      };
    case "fileChange":
      return { ...value, id, type: "file_change", changes: changesOf(value.changes), status: statusOf(value.status) };
    case "mcpToolCall":
      return {
        ...value,
        id,
        type: "mcp_tool_call",
        server: textOf(value.server) ?? "",
        tool: textOf(value.tool) ?? "",
        result: resultOf(value.result),
        error: isObject(value.error) ? { message: textOf(keysOf(value.error).message) ?? "" } : null,
        status: statusOf(value.status),
      };
    case "collabAgentToolCall":
      return {
        ...value,
        id,
        type: "collab_tool_call",
        tool: textOf(value.tool) ?? "",
        sender_thread_id: textOf(value.senderThreadId) ?? "",
        receiver_thread_ids: textsOf(value.receiverThreadIds),
        prompt: textOf(value.prompt) ?? null,
        agents_states: value.agentsStates,
        status: statusOf(value.status),
      };
    case "webSearch":
      return { ...value, id, type: "web_search", query: textOf(value.query) ?? "", action: value.action };
    default:
      return undefined;
  }
}

/** Items that start nothing that could outlive the turn. */
const HARMLESS = new Set(["userMessage", "agentMessage", "reasoning", "plan", "contextCompaction"]);

/** Whether the item may start processes. */
export const mayStartProcesses = (itemType: string): boolean => !HARMLESS.has(itemType);

/** Whether the item is work that continues until it is completed, however long it is silent. */
export const isWork = (itemType: string): boolean => mayStartProcesses(itemType);

/** Whether the item starts threads of its own in this process. */
export const startsThreads = (itemType: string): boolean =>
  itemType === "collabAgentToolCall" || itemType === "subAgentActivity" || itemType === "enteredReviewMode";

const statusOf = (status: unknown): string =>
  (textOf(status) ?? "unknown").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function changesOf(changes: unknown): { path: string; kind: string }[] {
  if (!Array.isArray(changes)) return [];
  return changes.map(keysOf).map((change) => ({
    ...change,
    path: textOf(change.path) ?? "",
    // An object with a `type` here, a word in `codex exec`.
    kind: textOf(change.kind) ?? textOf(keysOf(change.kind).type) ?? "unknown",
  }));
}

function resultOf(result: unknown) {
  if (!isObject(result)) return null;
  const { content, structuredContent, ...rest } = keysOf(result);
  return {
    ...rest,
    content: Array.isArray(content) ? content : [],
    ...(structuredContent === undefined || structuredContent === null ? {} : { structured_content: structuredContent }),
  };
}

// --- Requests of codex to its client ---

/** Returns the answer of a client that has no user to ask; undefined for an unknown request. */
export function answerFor(method: string): object | undefined {
  switch (method) {
    case "item/commandExecution/requestApproval":
    case "item/fileChange/requestApproval":
      return { decision: "decline" };
    case "item/permissions/requestApproval":
      return { permissions: {}, scope: "turn" };
    case "execCommandApproval":
    case "applyPatchApproval":
      return { decision: "denied" };
    case "mcpServer/elicitation/request":
      return { action: "decline", content: null };
    case "item/tool/requestUserInput":
      return { answers: {} };
    case "item/tool/call":
      return { contentItems: [{ type: "inputText", text: "This tool is no longer available." }], success: false };
    default:
      return undefined;
  }
}

// --- Reading ---

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const keysOf = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {});

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((part): part is string => typeof part === "string") : [];
