import { uuidTime } from "../find/rollout-name.ts";
import { messagesKeptBy, type UserMessage, userMessageOf } from "./user-message.ts";

/** A turn of a thread, as its lines tell of it. */
export interface TrackedTurn {
  /** Counts from 1. A turn that was taken back leaves its number to the next one. */
  readonly number: number;
  /** Codex's own; undefined in rollouts that tell of no turns. */
  readonly id: string | undefined;
  /** It belongs to the thread that this one was made from, whose lines codex copied. */
  readonly isInherited: boolean;
  isTakenBack: boolean;
  readonly messages: TrackedMessage[];
}

export interface TrackedMessage extends UserMessage {
  /** The number of its line among those that were written. */
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
 * Lines in, in order; out comes which turns a thread has, and what of them the model still sees: a rollback takes the last turns
 * back, a compaction puts a summary in the place of all that stands before it. Without I/O. Lines that tell of neither turns nor
 * messages may be left out.
 */
export class TurnTracker {
  readonly turns: TrackedTurn[] = [];
  /** The turns that are not taken back. */
  readonly #left: TrackedTurn[] = [];
  readonly #createdAt: number | undefined;
  readonly #compactions: Compaction[] = [];
  #current: TrackedTurn | undefined;
  #isTold = false;
  #lines = 0;
  #hasTakenBack = false;
  #reachesBack = false;

  readonly #keepsTexts: boolean;

  /**
   * @param threadId The thread's own: it tells the turns that were copied from another thread.
   */
  constructor(threadId?: string, { keepsTexts = true }: { readonly keepsTexts?: boolean } = {}) {
    this.#keepsTexts = keepsTexts;
    this.#createdAt = threadId === undefined ? undefined : uuidTime(threadId);
  }

  /** Takes the next line. Returns its place among all, for `isInContext`. */
  write(line: LooseLine): number {
    const at = this.#lines++;
    const payload = Object(line.payload) as Record<string, unknown>;
    if (line.type === "event_msg") {
      if (payload.type === "task_started") this.#begin(payload.turn_id);
      if (payload.type === "task_complete" || payload.type === "turn_aborted") this.#end();
      if (payload.type === "thread_rolled_back") this.#takeBack(Number(payload.num_turns));
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

  /** The turn that lines belong to now. */
  get current(): TrackedTurn | undefined {
    return this.#current;
  }

  /** The place that the next line gets. */
  get position(): number {
    return this.#lines;
  }

  /** Whether a rollback took back more turns than were written. */
  get reachesBack(): boolean {
    return this.#reachesBack;
  }

  /** How many turns are left of those that were written. */
  get turnCount(): number {
    return this.#left.length;
  }

  /** The place of the compaction that counts, for who looks for it; of those that were taken back none does. */
  get compactedAt(): number | undefined {
    return this.#lastCompaction()?.at;
  }

  /** Whether anything that was written has been taken back, or summed up. */
  get hasTakenBack(): boolean {
    return this.#hasTakenBack || this.#compactions.length > 0;
  }

  /** Whether the model still sees what a line of a turn says, by its place. A call may have been kept by its id. */
  isInContext(turn: TrackedTurn | undefined, at: number, callId?: string): boolean {
    if (turn?.isTakenBack) return false;
    const last = this.#lastCompaction();
    return last === undefined || at > last.at || (callId !== undefined && last.callIds.has(callId));
  }

  /**
   * The person's messages that are left, oldest first. Of a message's two forms, codex's own events count where there are any.
   * @param isWanted Which turns are looked at. Default: all.
   */
  messages(isWanted: (turn: TrackedTurn) => boolean = () => true): UserMessage[] {
    const last = this.#lastCompaction(({ kept }) => kept !== undefined);
    const all = this.turns.filter(isWanted).flatMap((turn) => turn.messages);
    const left = this.turns
      .filter((turn) => !turn.isTakenBack && isWanted(turn))
      .flatMap((turn) => turn.messages)
      .filter(({ at }) => last === undefined || at > last.at);
    return [...(last?.kept ?? []), ...ofOneForm(left, all)];
  }

  /** How often the person has said something, with what was taken back. */
  get saidCount(): number {
    const all = this.turns.flatMap((turn) => turn.messages);
    return ofOneForm(all, all).length;
  }

  #lastCompaction(isWanted: (compaction: Compaction) => boolean = () => true): Compaction | undefined {
    return this.#compactions.findLast((one) => one.turn?.isTakenBack !== true && isWanted(one));
  }

  #begin(id: unknown): TrackedTurn {
    if (typeof id === "string" && this.#current?.id === id) return this.#current;
    const time = typeof id === "string" ? uuidTime(id) : undefined;
    const turn: TrackedTurn = {
      number: this.#left.length + 1,
      id: typeof id === "string" ? id : undefined,
      isInherited: time !== undefined && this.#createdAt !== undefined && time < this.#createdAt,
      isTakenBack: false,
      messages: [],
    };
    this.turns.push(turn);
    this.#left.push(turn);
    this.#current = turn;
    this.#isTold = true;
    return turn;
  }

  #end(): void {
    this.#current = undefined;
    this.#isTold = false;
  }

  /** Where codex told of no turn, each message begins one: its two forms stand one behind the other. */
  #turnOf({ source }: UserMessage): TrackedTurn {
    const current = this.#current;
    if (current !== undefined && (this.#isTold || current.messages.every((one) => one.source !== source)))
      return current;
    const turn = this.#begin(undefined);
    this.#isTold = false;
    return turn;
  }

  /** Turns in which the person said something count, as codex counts them (0.135); what came between goes with them. */
  #takeBack(count: number): void {
    this.#hasTakenBack = true;
    this.#end();
    for (let said = 0; said < count; ) {
      const turn = this.#left.pop();
      if (turn === undefined) {
        this.#reachesBack = true;
        return;
      }
      turn.isTakenBack = true;
      if (turn.messages.length > 0) said++;
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
