import type { CodexItem, OversizedLine, Usage } from "@plexum/codex-jsonl";
import { type CodexTurnError, classifyErrorInfo, TextDeltas, type TurnEvent } from "@plexum/codex-turn";
import {
  isSilent,
  isWork,
  itemIdIn,
  mayStartProcesses,
  type Notification,
  startsThreads,
  statusOfError,
  type WireError,
} from "./wire.ts";

/** Emits a turn's notifications as events, and keeps what its result depends on. */
export class TurnRecord {
  readonly #pass: (event: TurnEvent) => void;
  /** Events that arrived before codex reported the thread's id. */
  #held: TurnEvent[] | undefined = [];
  readonly #texts = new TextDeltas();
  /** Items that have started and not completed, by id. */
  readonly #open = new Map<string, { readonly type: string; readonly item: CodexItem | undefined }>();
  readonly #phases = new Map<string, string>();
  #threadUsage: Usage | null = null;
  #lastMessage: string | undefined;
  #lastError: WireError | undefined;
  #hasFailed = false;
  /** Up to 0.150 the error that ends a turn has no status, but the retries before it do. */
  #lastRetryStatus: number | undefined;
  #mayHaveLeftProcesses = false;
  #hasOtherThreads = false;

  constructor(pass: (event: TurnEvent) => void) {
    this.#pass = pass;
  }

  /** The thread's running total, as last reported. */
  get threadUsage(): Usage | null {
    return this.#threadUsage;
  }

  get lastMessage(): string | undefined {
    return this.#lastMessage;
  }

  /** Whether a command or a call is running, which may be silent until it ends. */
  get isWorking(): boolean {
    return [...this.#open.values()].some(({ type }) => isWork(type));
  }

  /** Whether codex reported an error that it does not retry. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  get mayHaveLeftProcesses(): boolean {
    return this.#mayHaveLeftProcesses;
  }

  /** Whether the turn started other threads in its process. */
  get hasOtherThreads(): boolean {
    return this.#hasOtherThreads;
  }

  threadIs(id: string): void {
    this.#pass({ type: "thread.started", thread_id: id });
    for (const event of this.#held ?? []) this.#pass(event);
    this.#held = undefined;
  }

  #emit(event: TurnEvent): void {
    if (this.#held === undefined) this.#pass(event);
    else this.#held.push(event);
  }

  take(notification: Notification, method: string): void {
    switch (notification.kind) {
      case "turn-started":
        this.#emit({ type: "turn.started" });
        break;
      case "item-started":
        this.#started(notification);
        break;
      case "item-completed":
        this.#completed(notification);
        break;
      case "delta":
        this.#delta(notification.event);
        break;
      case "usage":
        this.#threadUsage = notification.total;
        break;
      case "error":
        this.#lastError = notification.error;
        this.#hasFailed = !notification.willRetry;
        if (notification.willRetry) this.#lastRetryStatus = statusOfError(notification.error) ?? this.#lastRetryStatus;
        this.#emit({ type: "error", message: messageOf(notification.error) });
        break;
      case "warning":
        this.#emit({ type: "item.completed", item: { id: "", type: "error", message: notification.message } });
        break;
      case "other":
        if (isSilent(method)) break;
        // Hooks and MCP servers are processes.
        this.#mayHaveLeftProcesses ||= method.startsWith("hook/") || method.startsWith("mcpServer/");
        this.#emit(notification.event);
        break;
    }
  }

  /** Emits what is known about a notification that is too long to be read, and marks its item as complete. */
  oversized(line: OversizedLine): void {
    const id = itemIdIn(line);
    if (line.eventType === "item/completed" && id !== undefined) this.#open.delete(id);
    this.#emit(line);
  }

  /** Emits a message that codex recorded but did not report. */
  missedMessage(text: string | undefined): void {
    if (text === undefined || text === "" || text === this.#lastMessage) return;
    const [id = ""] = [...this.#open].find(([, { type }]) => type === "agentMessage") ?? [];
    this.#message(id, { id, type: "agent_message", text });
  }

  /** Completes the items that codex left open: it does not always complete them when a turn is interrupted (up to 0.163). */
  settle(): void {
    for (const { item } of this.#open.values()) {
      if (item !== undefined && "status" in item)
        this.#emit({ type: "item.completed", item: { ...item, status: "failed" } });
    }
    this.#open.clear();
  }

  /** Returns the typed error of a failed turn. */
  failure(error: WireError | undefined): CodexTurnError {
    const last = error ?? this.#lastError;
    return classifyErrorInfo({ message: "", ...last, lastRetryStatus: this.#lastRetryStatus });
  }

  #started({ itemId, itemType, item, value }: Notification & { kind: "item-started" | "item-completed" }): void {
    this.#open.set(itemId, { type: itemType, item });
    this.#mayHaveLeftProcesses ||= mayStartProcesses(itemType);
    this.#hasOtherThreads ||= startsThreads(itemType);
    const { phase } = value as { phase?: unknown };
    if (typeof phase === "string") this.#phases.set(itemId, phase);
    // `codex exec` reports these only when they are complete.
    if (item !== undefined && item.type !== "agent_message" && item.type !== "reasoning")
      this.#emit({ type: "item.started", item });
  }

  #completed({ itemId, itemType, item, value }: Notification & { kind: "item-started" | "item-completed" }): void {
    this.#open.delete(itemId);
    this.#mayHaveLeftProcesses ||= mayStartProcesses(itemType);
    this.#hasOtherThreads ||= startsThreads(itemType);
    if (item?.type === "agent_message") this.#message(itemId, item);
    else if (item?.type === "reasoning" && item.text === "") return;
    else if (item !== undefined) this.#emit({ type: "item.completed", item });
    else if (itemType !== "userMessage")
      this.#emit({ type: "unknown", eventType: "item.completed", itemType, offset: 0, value });
  }

  #message(id: string, item: CodexItem & { type: "agent_message" }): void {
    // Some providers complete a message without the text that they sent in deltas.
    const text = item.text === "" ? this.#texts.textOf(id) : item.text;
    this.#texts.complete(id, text);
    this.#phases.delete(id);
    this.#lastMessage = text;
    this.#emit({ type: "item.completed", item: { ...item, text } });
  }

  #delta(event: Extract<Notification, { kind: "delta" }>["event"]): void {
    if (event.type !== "agent_message.delta") {
      this.#emit(event);
      return;
    }
    const delta = this.#texts.delta(event.item_id, event.delta);
    const phase = this.#phases.get(event.item_id);
    if (delta !== "") this.#emit({ ...event, ...(phase === undefined ? {} : { phase }) });
  }
}

const messageOf = (error: WireError | undefined): string =>
  [error?.message, error?.additionalDetails].filter(Boolean).join(" ");
