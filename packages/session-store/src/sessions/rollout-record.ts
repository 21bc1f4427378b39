import { type FileHandle, open } from "node:fs/promises";
import { readLinesBackward } from "@plexum/jsonl";
import { historyChain } from "@plexum/rollout";
import { guardAt } from "./growth-guard.ts";
import { asBuffer, linesOf, MAX_LINE_BYTES } from "./rollout-bytes.ts";
import type { RolloutFile } from "./rollout-files.ts";
import { isSessionId } from "./session-id.ts";
import { excerpt, mayHoldUserMessage, userMessageOf } from "./user-message.ts";

/** What a list shows of one rollout file, and what is needed to go on from there when the file has grown. */
export interface RolloutRecord {
  readonly size: number;
  readonly mtimeMs: number;
  /** Behind the last whole line. */
  readonly end: number;
  /** What stands just before `end`: if it still does, the file has only grown. Empty if that can't be told. */
  readonly guard: string;
  /** Undefined if the file doesn't begin as a rollout must. */
  readonly head: RolloutHead | undefined;
  /** The last line's time, in milliseconds since 1970; undefined if no line has one. */
  readonly timestamp: number | undefined;
  readonly lastMessage: string | undefined;
  /** Of the lines before `end`, once somebody wanted to know. */
  readonly counted?: MessageCount & { readonly end: number };
  /** What the files hold that the thread goes on from, once somebody wanted to know. */
  readonly inherited?: MessageCount & { readonly lastMessage: string | undefined };
}

interface RolloutHead {
  readonly id: string;
  readonly cwd: string | undefined;
  /** The thread goes on from a part of another file: it was forked or reverted. */
  readonly continues: boolean;
}

interface MessageCount {
  readonly events: number;
  readonly items: number;
}

/** The first line is some 22 KB. */
const HEAD_BYTES = 32 * 1024;
const TAIL_BYTES = 64 * 1024;

/**
 * Reads as little of a rollout as tells where it was, when it was last used and what the user said last: the first line, and
 * the end back to that message. Of a file known from before, only what has been added.
 */
export async function readRecord(
  file: RolloutFile,
  known: RolloutRecord | undefined,
  signal?: AbortSignal,
): Promise<RolloutRecord> {
  if (known !== undefined && known.size === file.size && known.mtimeMs === file.mtimeMs) return known;
  if (file.compressed) return readWhole(file, signal);
  await using handle = await open(file.path);
  const { size, mtimeMs } = await handle.stat();
  const earlier = known !== undefined && (await hasOnlyGrown(handle, known, size)) ? known : undefined;
  const tail = await readTail(handle, size, earlier?.end ?? 0, signal);
  return {
    ...earlier,
    size,
    mtimeMs,
    end: tail.end,
    guard: tail.end === size ? await guardAt(handle, size) : "",
    head: earlier?.head ?? (await readHead(handle, file.path, signal)),
    timestamp: tail.timestamp ?? earlier?.timestamp,
    lastMessage: tail.lastMessage ?? earlier?.lastMessage,
  };
}

/** Counts the user's messages in this file: no line is parsed but those that may hold one. */
export async function countMessages(
  file: RolloutFile,
  record: RolloutRecord,
  signal?: AbortSignal,
): Promise<RolloutRecord> {
  const { end: start = 0, ...before } = record.counted ?? { events: 0, items: 0 };
  if (record.counted !== undefined && start === record.end) return record;
  const tally = new Tally(before);
  for await (const line of linesOf(file.path, { start, end: record.size, signal })) tally.add(line.bytes);
  return { ...record, counted: { ...tally.count, end: record.end } };
}

/**
 * Looks at the files that a forked or reverted thread goes on from, up to where it does.
 * @throws RolloutError `not-found` if one of them is gone.
 */
export async function inheritMessages(
  file: RolloutFile,
  record: RolloutRecord,
  codexHome: string,
  signal?: AbortSignal,
): Promise<RolloutRecord> {
  if (record.head?.continues !== true || record.inherited !== undefined) return record;
  const chain = await historyChain(file.path, { codexHome, ...(signal && { signal }) });
  const tally = new Tally();
  for (const { path, end } of chain.slice(0, -1))
    for await (const line of linesOf(path, { ...(end !== undefined && { end }), signal })) tally.add(line.bytes);
  return { ...record, inherited: { ...tally.count, lastMessage: tally.lastMessage } };
}

/** Of a message's two forms, codex's own events count where there are any. */
export function messageCount({ counted, inherited }: RolloutRecord): number {
  const total = (key: keyof MessageCount) => (counted?.[key] ?? 0) + (inherited?.[key] ?? 0);
  return total("events") || total("items");
}

class Tally {
  #events: number;
  #items: number;
  lastMessage: string | undefined;

  constructor({ events, items }: MessageCount = { events: 0, items: 0 }) {
    this.#events = events;
    this.#items = items;
  }

  get count(): MessageCount {
    return { events: this.#events, items: this.#items };
  }

  add(line: Buffer): void {
    const message = mayHoldUserMessage(line) ? userMessageOf(line) : undefined;
    if (message === undefined) return;
    if (message.source === "event") this.#events++;
    else this.#items++;
    this.lastMessage = excerpt(message.text) || this.lastMessage;
  }
}

/** A compressed rollout can't be read from its end; codex compresses what has not been used for a week. */
async function readWhole(file: RolloutFile, signal?: AbortSignal): Promise<RolloutRecord> {
  const tally = new Tally();
  let first: Buffer | undefined;
  let timestamp: number | undefined;
  let end = 0;
  for await (const { bytes, offset } of linesOf(file.path, { signal })) {
    if (first === undefined && bytes.length > 0) first = Buffer.from(bytes);
    timestamp = timestampOf(bytes) ?? timestamp;
    tally.add(bytes);
    end = offset + bytes.length + 1;
  }
  return {
    size: file.size,
    mtimeMs: file.mtimeMs,
    end,
    guard: "",
    head: first && headOf(first),
    timestamp,
    lastMessage: tally.lastMessage,
    counted: { ...tally.count, end },
  };
}

async function readHead(handle: FileHandle, path: string, signal?: AbortSignal): Promise<RolloutHead | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(HEAD_BYTES), 0, HEAD_BYTES, 0);
  const newline = buffer.subarray(0, bytesRead).indexOf(NEWLINE);
  if (newline > 0) return headOf(buffer.subarray(0, newline));
  for await (const { bytes } of linesOf(path, { chunkBytes: HEAD_BYTES, signal }))
    if (bytes.length > 0) return headOf(bytes);
  return undefined;
}

function headOf(line: Buffer): RolloutHead | undefined {
  try {
    const { type, payload } = JSON.parse(line.toString("utf8"));
    if (type !== "session_meta" || !isSessionId(payload?.id)) return undefined;
    return {
      id: payload.id,
      cwd: typeof payload.cwd === "string" ? payload.cwd : undefined,
      continues: payload.history_base != null,
    };
  } catch {
    return undefined;
  }
}

/** From the end of a file back to the user's last message, or to `floor`. */
async function readTail(handle: FileHandle, size: number, floor: number, signal?: AbortSignal) {
  let end: number | undefined;
  let timestamp: number | undefined;
  let lastMessage: string | undefined;
  const lines = readLinesBackward(handle, { end: size, chunkBytes: TAIL_BYTES, maxLineBytes: MAX_LINE_BYTES });
  for await (const line of lines) {
    signal?.throwIfAborted();
    if (line.offset < floor) break;
    end ??= line.terminated ? size : line.offset;
    if (line.kind === "oversized") continue;
    const bytes = asBuffer(line.bytes);
    timestamp ??= timestampOf(bytes);
    if (mayHoldUserMessage(bytes)) lastMessage = excerpt(userMessageOf(bytes)?.text ?? "") || undefined;
    if (timestamp !== undefined && lastMessage !== undefined) break;
  }
  return { end: end ?? floor, timestamp, lastMessage };
}

const TIMESTAMP_KEY = Buffer.from('{"timestamp":"');
const QUOTE = 0x22;
const NEWLINE = 0x0a;

function timestampOf(line: Buffer): number | undefined {
  const time = Date.parse(timestampTextOf(line));
  return Number.isNaN(time) ? undefined : time;
}

/** Codex begins each line with it, so that the line need not be parsed. */
function timestampTextOf(line: Buffer): string {
  const start = TIMESTAMP_KEY.length;
  if (line.subarray(0, start).equals(TIMESTAMP_KEY)) {
    const stop = line.subarray(0, start + 64).indexOf(QUOTE, start);
    return line.toString("latin1", start, Math.max(stop, start));
  }
  try {
    const { timestamp } = JSON.parse(line.toString("utf8"));
    return typeof timestamp === "string" ? timestamp : "";
  } catch {
    return "";
  }
}

async function hasOnlyGrown(handle: FileHandle, known: RolloutRecord, size: number): Promise<boolean> {
  return known.guard !== "" && size >= known.size && known.guard === (await guardAt(handle, known.end));
}
