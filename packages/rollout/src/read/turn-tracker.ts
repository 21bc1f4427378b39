import { uuidTime } from "../find/rollout-name.ts";
import { messagesKeptBy, type UserMessage, userMessageOf } from "./user-message.ts";

/** A turn of a thread, derived from its lines. */
export interface TrackedTurn {
  /** Counted from 1. The next turn reuses the number of a turn that was rolled back. */
  readonly number: number;
  /** Codex's id. Undefined in rollouts that record no turns. */
  readonly id: string | undefined;
  /** True if the turn belongs to the thread from which this one was created, and codex copied its lines. */
  readonly isInherited: boolean;
  /** True if the turn was rolled back. */
  isRolledBack: boolean;
  readonly messages: TrackedMessage[];
}

export interface TrackedMessage extends UserMessage {
  /** The position of its line among all lines written. */
  readonly at: number;
}

interface Compaction {
  readonly at: number;
  readonly turn: TrackedTurn | undefined;
  readonly kept: readonly UserMessage[] | undefined;
  readonly callIds: ReadonlySet<string>;
}

/** @inline */
interface LooseLine {
  readonly type: string;
  readonly payload: unknown;
}

/**
 * Takes a thread's lines in order. Determines which turns the thread has, and what of them the model still sees: a rollback removes
 * the last turns, and a compaction replaces everything before it with a summary. It does no I/O. Lines that are about neither turns
 * nor messages may be omitted.
 */
export class TurnTracker {
  readonly turns: TrackedTurn[] = [];
  /** The turns that were not rolled back. */
  readonly #left: TrackedTurn[] = [];
  readonly #createdAt: number | undefined;
  readonly #compactions: Compaction[] = [];
  #current: TrackedTurn | undefined;
  #isRecorded = false;
  #lines = 0;
  #reachesBack = false;

  /** False if only the number of messages matters: their texts are then empty. */
  readonly #keepsTexts: boolean;

  /** @param threadId The thread's id. It is needed to detect turns that were copied from another thread. */
  constructor(threadId?: string, { keepsTexts = true }: { readonly keepsTexts?: boolean } = {}) {
    this.#keepsTexts = keepsTexts;
    this.#createdAt = threadId === undefined ? undefined : uuidTime(threadId);
  }

  /** Takes the next line. Returns its position among all lines, for `isInContext`. */
  write(line: LooseLine): number {
    const at = this.#lines++;
    const payload = Object(line.payload) as Record<string, unknown>;
    if (line.type === "event_msg") {
      if (payload.type === "task_started") this.#begin(payload.turn_id);
      if (payload.type === "task_complete" || payload.type === "turn_aborted") this.#end();
      if (payload.type === "thread_rolled_back") this.#rollBack(Number(payload.num_turns));
    } else if (line.type === "turn_context") {
      if (typeof payload.turn_id === "string" && payload.turn_id !== this.#current?.id) this.#begin(payload.turn_id);
    } else if (line.type === "compacted") {
      const callIds = new Set(callIdsIn(payload.replacement_history));
      this.#compactions.push({ at, turn: this.#current ?? this.turns.at(-1), kept: messagesKeptBy(line), callIds });
    }
    const message = userMessageOf(line);
    if (message !== undefined)
      this.#turnOf(message).messages.push({ ...message, text: this.#keepsTexts ? message.text : "", at });
    return at;
  }

  /** The turn to which the next line belongs. */
  get current(): TrackedTurn | undefined {
    return this.#current;
  }

  /** The position of the next line. */
  get position(): number {
    return this.#lines;
  }

  /** True if a rollback removed more turns than were written. */
  get reachesBack(): boolean {
    return this.#reachesBack;
  }

  /** The number of turns that were not rolled back. */
  get turnCount(): number {
    return this.#left.length;
  }

  /** The position of the last compaction. A compaction that was rolled back does not count. */
  get compactedAt(): number | undefined {
    return this.#lastCompaction()?.at;
  }

  /**
   * Returns whether the model still sees a line of a turn.
   * @param at The line's position.
   * @param callId The call of the line. A compaction may have kept it.
   */
  isInContext(turn: TrackedTurn | undefined, at: number, callId?: string): boolean {
    if (turn?.isRolledBack) return false;
    const last = this.#lastCompaction();
    return last === undefined || at > last.at || (callId !== undefined && last.callIds.has(callId));
  }

  /**
   * Returns the user's messages that the model still sees, oldest first. A message has two forms in a rollout. If the rollout has any
   * of codex's events, only the events count.
   * @param isWanted Selects turns. Default: all.
   */
  messages(isWanted: (turn: TrackedTurn) => boolean = () => true): UserMessage[] {
    const last = this.#lastCompaction(({ kept }) => kept !== undefined);
    const all = this.turns.filter(isWanted).flatMap((turn) => turn.messages);
    const left = this.turns
      .filter((turn) => !turn.isRolledBack && isWanted(turn))
      .flatMap((turn) => turn.messages)
      .filter(({ at }) => last === undefined || at > last.at);
    return [...(last?.kept ?? []), ...ofOneForm(left, all)];
  }

  /** The number of messages from the user, including those that were rolled back. */
  get totalMessageCount(): number {
    const all = this.turns.flatMap((turn) => turn.messages);
    return ofOneForm(all, all).length;
  }

  #lastCompaction(isWanted: (compaction: Compaction) => boolean = () => true): Compaction | undefined {
    return this.#compactions.findLast((one) => one.turn?.isRolledBack !== true && isWanted(one));
  }

  #begin(id: unknown): TrackedTurn {
    if (typeof id === "string" && this.#current?.id === id) return this.#current;
    const time = typeof id === "string" ? uuidTime(id) : undefined;
    const turn: TrackedTurn = {
      number: this.#left.length + 1,
      id: typeof id === "string" ? id : undefined,
      isInherited: time !== undefined && this.#createdAt !== undefined && time < this.#createdAt,
      isRolledBack: false,
      messages: [],
    };
    this.turns.push(turn);
    this.#left.push(turn);
    this.#current = turn;
    this.#isRecorded = true;
    return turn;
  }

  #end(): void {
    this.#current = undefined;
    this.#isRecorded = false;
  }

  /** If codex recorded no turn, each message begins one. The two forms of a message follow each other. */
  #turnOf({ source }: UserMessage): TrackedTurn {
    const current = this.#current;
    if (current !== undefined && (this.#isRecorded || current.messages.every((one) => one.source !== source)))
      return current;
    const turn = this.#begin(undefined);
    this.#isRecorded = false;
    return turn;
  }

  /** Rolls back the last turns. Counts only turns with a message from the user, as codex does (0.135). Those in between go too. */
  #rollBack(count: number): void {
    this.#end();
    for (let rolledBack = 0; rolledBack < count; ) {
      const turn = this.#left.pop();
      if (turn === undefined) {
        this.#reachesBack = true;
        return;
      }
      turn.isRolledBack = true;
      if (turn.messages.length > 0) rolledBack++;
    }
  }
}

function ofOneForm<Message extends UserMessage>(messages: readonly Message[], all: readonly Message[]): Message[] {
  const source = all.some((message) => message.source === "event") ? "event" : "item";
  return messages.filter((message) => message.source === source);
}

function callIdsIn(items: unknown): string[] {
  if (!Array.isArray(items)) return [];
  return items.map((item) => item?.call_id).filter((id) => typeof id === "string");
}
