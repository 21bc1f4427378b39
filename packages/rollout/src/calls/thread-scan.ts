import type { BigIntStats } from "node:fs";
import { isConsumedOutput, MARKERS, TOOL_CALLED } from "../mutate/call-edit.ts";
import { LineScanner } from "../read/line-scanner.ts";
import { type OpenRollout, readExactly } from "../read/open-rollout.ts";
import { type RolloutEntry, toRolloutEntry } from "../read/rollout-entry.ts";
import type { RolloutLine } from "../read/rollout-line.ts";
import { TurnTracker } from "../read/turn-tracker.ts";
import { BYTES_PER_TOKEN, TOKENS_PER_IMAGE } from "./call-size.ts";
import { CallTable, hashOf, type LinePlace } from "./call-table.ts";
import { CALL_ID, HEAD_BYTES, type LineRole, lineRole, TAIL_BYTES } from "./line-role.ts";
import { displayedCall, isNestedId } from "./nested-item.ts";
import {
  callIdAt,
  endOfString,
  hashAt,
  isTextOutput,
  markerAt,
  outputIdAt,
  payloadTypeAt,
  quickRole,
  TURN_ID,
  turnEventAt,
} from "./quick-role.ts";
import { contextIn, type ThreadContext } from "./thread-context.ts";
import { callOf, outputOf } from "./tool-call.ts";

/** A file of a thread's history, and which part of it was scanned. */
export interface ScannedFile extends Pick<OpenRollout, "path" | "file"> {
  readonly stat: BigIntStats;
  readonly start: number;
  /** The end of the last line that ends in a newline. */
  end: number;
}

const DEFAULT_MAX_LINE_BYTES = 32 * 1024 * 1024;
/** The number of calls of earlier turns that are kept until they are cleared. */
const MAX_CLOSED_CALLS = 1_000;
/** The part of a call's or an output's line that is not text: timestamp, ordinal, types, ids. */
const FRAME_BYTES = 200;
const INFO = 'token_count","info":'.length;
const BRACE = 0x7b;
const NESTED_ID = /"(exec-[\x20-\x21\x23-\x5b\x5d-\x7e]+)"/;
const ASCII = /^[\x20-\x7e]+$/;

/** Scans the files of a thread's history, oldest first. Records its turns and where its calls are. */
export class ThreadScan {
  readonly turns: TurnTracker;
  readonly calls = new CallTable();
  readonly files: ScannedFile[] = [];
  readonly compactions: { readonly at: number; readonly place: LinePlace }[] = [];
  readonly rollbacks: LinePlace[] = [];
  /** Lines that were not read, since they are too long or damaged. They may belong to any call. */
  readonly unread: LinePlace[] = [];
  readonly #maxLineBytes: number;
  readonly #signal: AbortSignal | undefined;
  /** Calls by the hashes of their ids. Those from `#firstOpen` on are the calls of the current turn. */
  readonly #open = new Map<number, number>();
  #firstOpen = 0;
  #turnId: string | undefined;
  #lastCount: LinePlace | undefined;

  constructor(options: {
    readonly threadId?: string | undefined;
    readonly maxLineBytes?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  }) {
    this.turns = new TurnTracker(options.threadId, { keepsTexts: false });
    this.#maxLineBytes = options.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES;
    this.#signal = options.signal;
  }

  /**
   * Scans the next file. It has to stay open as long as its lines are requested.
   * @param start The offset at which to begin: a line's first byte.
   */
  async read(rollout: OpenRollout, end: number, start = 0): Promise<void> {
    const file: ScannedFile = {
      path: rollout.path,
      file: rollout.file,
      start,
      end,
      stat: await rollout.file.stat({ bigint: true }),
    };
    const segment = this.files.push(file) - 1;
    const scanner = new LineScanner(rollout.file, rollout.path, start);
    for await (const _chunk of scanner.chunks(end, this.#signal)) {
      while (scanner.next()) {
        if (!scanner.terminated) file.end = scanner.offset;
        if (this.#takeQuickly(scanner, segment)) continue;
        const role = lineRole(scanner);
        if (role === "other") continue;
        const place: LinePlace = { segment, offset: scanner.offset, length: scanner.length };
        if (scanner.length > this.#maxLineBytes) {
          this.unread.push(place);
          continue;
        }
        if (this.#takeUnparsed(role, scanner, place)) continue;
        const bytes = scanner.bytes();
        const entry = await this.#entry(place, bytes instanceof Promise ? await bytes : bytes);
        if (entry?.kind === "line") this.#take(entry.line, place);
        else if (entry !== undefined) this.unread.push(place);
      }
    }
  }

  /** Reads a line again. Returns undefined if it can't be read anymore. */
  async lineAt(place: LinePlace): Promise<RolloutLine | undefined> {
    const { file, path } = this.files[place.segment] as ScannedFile;
    const entry = await this.#entry(place, await readExactly(file, path, place.offset, place.length));
    return entry?.kind === "line" ? entry.line : undefined;
  }

  /** Returns the ids of the calls that the last compaction kept. */
  async keptIds(): Promise<Set<string>> {
    const last = this.compactions.findLast(({ at }) => at === this.turns.compactedAt);
    const line = last && (await this.lineAt(last.place));
    const items = line?.type === "compacted" ? (line.payload.replacement_history ?? []) : [];
    const ids = items.map((item) => (item as { call_id?: unknown } | null)?.call_id);
    return new Set(ids.filter((id) => typeof id === "string"));
  }

  /** Returns the place of the provider's last count. */
  get lastCount(): LinePlace | undefined {
    return this.#lastCount;
  }

  /** Returns the size of the context, from the provider's last count. */
  async context(): Promise<ThreadContext | undefined> {
    const line = this.#lastCount && (await this.lineAt(this.#lastCount));
    return line && contextIn(line);
  }

  /** Takes a line of the most common kinds. Returns false if the line has to be examined more closely. */
  #takeQuickly(scanner: LineScanner, segment: number): boolean {
    const { chunk, from, offset, length } = scanner;
    const typeAt = from === -1 ? 0 : payloadTypeAt(chunk, from, from + length);
    if (typeAt === 0) return false;
    const role = quickRole(chunk, typeAt);
    if (role === "other") return true;
    if (length > this.#maxLineBytes) return false;
    if (role === undefined) return this.#takeTurnQuickly(chunk, typeAt);
    if (role === "count") {
      // `token_count","info":null` has only limits.
      if (chunk[typeAt + INFO] !== BRACE) return false;
      this.#lastCount = { segment, offset, length };
      return true;
    }
    const idAt = role === "output" ? outputIdAt(chunk, typeAt) : callIdAt(chunk, typeAt, from + length);
    const idEnd = idAt === 0 ? 0 : endOfString(chunk, idAt);
    if (idEnd <= 0) return false;
    const hash = hashAt(chunk, idAt, idEnd);
    if (hash === undefined) return false;
    // An output with an image begins as a list.
    if (role === "output" && !isTextOutput(chunk, idEnd)) return false;
    if (role === "output") this.#answer(hash, segment, offset, length, tokensByLength(length), markerAt(chunk, idEnd));
    else this.#begin(hash, segment, offset, length, tokensByLength(length));
    return true;
  }

  /** Takes the first or last event of a turn, if its id directly follows the type. */
  #takeTurnQuickly(chunk: Buffer, typeAt: number): boolean {
    const type = turnEventAt(chunk, typeAt);
    const idAt = type === undefined ? 0 : typeAt + type.length + TURN_ID.length;
    const idEnd = idAt === 0 ? 0 : endOfString(chunk, idAt);
    if (idEnd <= 0) return false;
    const turn_id = chunk.toString("latin1", idAt, idEnd);
    if (type === "task_started") this.#enterTurn(turn_id);
    else this.#closeCalls();
    this.turns.write({ type: "event_msg", payload: { type, turn_id } });
    return true;
  }

  /** Takes a line whose beginning and end are enough. Returns false if it has to be parsed. */
  #takeUnparsed(role: LineRole, scanner: LineScanner, place: LinePlace): boolean {
    if (role === "count") {
      // The last one may have only limits; see #take.
      if (!scanner.head(HEAD_BYTES).includes('"info":null')) this.#lastCount = place;
      return true;
    }
    if (role === "compacted") {
      this.#compact(place);
      return true;
    }
    if (role === "call") {
      const id = idIn(scanner.tail(TAIL_BYTES));
      if (id === undefined) return false;
      this.#beginAt(hashOf(id), place);
      return true;
    }
    const head = role === "output" || role === "nested" ? scanner.head(HEAD_BYTES) : "";
    if (role === "output") {
      const id = idIn(head);
      if (id === undefined) return false;
      const tokens = head.includes('"input_image"') ? TOKENS_PER_IMAGE : tokensByLength(place.length);
      const marker = MARKERS.find((one) => head.includes(`"output":"${one}"`));
      this.#answer(hashOf(id), place.segment, place.offset, place.length, tokens, marker);
      return true;
    }
    if (role === "nested") {
      const id = NESTED_ID.exec(head)?.[1];
      if (id === undefined) return false;
      this.#nest(hashOf(id), place);
      return true;
    }
    return false;
  }

  #take(line: RolloutLine, place: LinePlace): void {
    const call = line.type === "response_item" ? callOf(line.payload) : undefined;
    const output = line.type === "response_item" ? outputOf(line.payload) : undefined;
    const nestedId = line.type === "event_msg" ? displayedCall(line.payload)?.callId : undefined;
    if (line.type === "compacted") this.#compact(place);
    else if (call !== undefined) this.#beginAt(hashOf(call.callId), place);
    else if (output !== undefined)
      this.#answer(
        hashOf(output.callId),
        place.segment,
        place.offset,
        place.length,
        tokensByLength(place.length),
        isConsumedOutput(output.output) ? output.output : undefined,
      );
    else if (nestedId !== undefined && isNestedId(nestedId)) this.#nest(hashOf(nestedId), place);
    else {
      // An item of a type that this version does not know.
      if (line.type === "response_item" && line.payload.call_id)
        this.calls.addStray(hashOf(line.payload.call_id), place.segment, place.offset, place.length);
      this.#takeTurn(line, place);
      this.turns.write(line);
    }
  }

  #takeTurn(line: RolloutLine, place: LinePlace): void {
    if (line.type === "turn_context") this.#enterTurn(line.payload.turn_id);
    if (line.type !== "event_msg") return;
    const { type, turn_id, info } = line.payload;
    if (type === "thread_rolled_back") this.rollbacks.push(place);
    if (type === "token_count" && info != null) this.#lastCount = place;
    if (type === "task_started") this.#enterTurn(turn_id);
    if (type === "task_complete" || type === "turn_aborted") this.#closeCalls();
  }

  #enterTurn(turnId: string | null | undefined): void {
    if (!turnId || turnId === this.#turnId) return;
    this.#turnId = turnId;
    this.#closeCalls();
  }

  /** Closes the calls of the current turn. Clearing the map for each turn would leave more garbage than everything else. */
  #closeCalls(): void {
    this.#firstOpen = this.calls.count;
    if (this.#open.size > MAX_CLOSED_CALLS) this.#open.clear();
  }

  #openCall(idHash: number): number | undefined {
    const call = this.#open.get(idHash);
    return call !== undefined && call >= this.#firstOpen ? call : undefined;
  }

  #beginAt(idHash: number, { segment, offset, length }: LinePlace): void {
    this.#begin(idHash, segment, offset, length, tokensByLength(length));
  }

  /** Adds a call. Takes numbers, since creating an object for each of a million lines takes time. */
  #begin(idHash: number, segment: number, offset: number, length: number, tokens: number, isNested = false): void {
    const { turns, position, current } = this.turns;
    const turn = current === undefined ? -1 : turns.length - 1;
    const call = this.calls.addCall(segment, offset, length, position, turn, tokens, idHash, isNested);
    this.#open.set(idHash, call);
  }

  /** @param marker That of a consumption, if it is in place of the output. */
  #answer(
    idHash: number,
    segment: number,
    offset: number,
    length: number,
    tokens: number,
    marker: string | undefined,
  ): void {
    const call = this.#openCall(idHash);
    if (call === undefined) {
      this.calls.addStray(idHash, segment, offset, length);
      return;
    }
    // A consumed line is as long as before, filled with spaces, and a heavy consumption has also replaced the arguments.
    if (marker === TOOL_CALLED) this.calls.clearTokens(call);
    this.calls.addOutput(call, segment, offset, length, marker === undefined ? tokens : 0);
  }

  /** Takes codex's record of a call. In direct mode it is a copy of a call that also has response items. */
  #nest(idHash: number, { segment, offset, length }: LinePlace): void {
    if (this.#openCall(idHash) === undefined) this.#begin(idHash, segment, offset, length, 0, true);
  }

  #compact(place: LinePlace): void {
    this.compactions.push({ at: this.turns.write({ type: "compacted", payload: undefined }), place });
  }

  /** Parses a line. One that is being mutated may be read half old and half new, so a damaged line is read again. */
  async #entry({ segment, offset, length }: LinePlace, bytes: Buffer): Promise<RolloutEntry | undefined> {
    const { file, path } = this.files[segment] as ScannedFile;
    let entry: RolloutEntry | undefined;
    for (let tries = 0, current = bytes; tries < 3; tries++) {
      entry = toRolloutEntry(path, { kind: "line", offset, length, bytes: current, terminated: true });
      if (entry?.kind !== "damaged") break;
      current = await readExactly(file, path, offset, length);
    }
    return entry;
  }
}

/** Returns the id after the key `call_id`. Inside a string, the quotation marks of the key would be escaped. */
function idIn(text: string): string | undefined {
  const start = text.indexOf(CALL_ID) + CALL_ID.length;
  const end = start < CALL_ID.length ? -1 : text.indexOf('"', start);
  const id = end === -1 ? "" : text.slice(start, end);
  // Each character here is one byte. An id with other characters is read from the parsed line.
  return id.includes("\\") || !ASCII.test(id) ? undefined : id;
}

const tokensByLength = (length: number): number => Math.ceil(Math.max(0, length - FRAME_BYTES) / BYTES_PER_TOKEN);
