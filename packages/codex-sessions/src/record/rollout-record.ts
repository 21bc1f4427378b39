import { closeSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { historyChain, TurnTracker, userMessageOf } from "@plexum/rollout";
import { guardAt } from "../files/growth-guard.ts";
import type { RolloutFile } from "../files/rollout-files.ts";
import { excerpt } from "./excerpt.ts";
import { headIn, readHead, readHeadNow } from "./read-head.ts";
import { readTail, readTailNow, type Tail, type Unfinished } from "./read-tail.ts";
import { linesOf } from "./rollout-bytes.ts";
import { beginningOf, headOf, type RolloutHead } from "./rollout-head.ts";
import { look, parsed, TailScan } from "./tail-scan.ts";

/** What a list shows of one rollout file, and what is needed to continue reading when the file has grown. */
export interface RolloutRecord {
  readonly size: number;
  readonly mtimeMs: number;
  /** The offset after the last whole line. */
  readonly end: number;
  /** The bytes just before `end`. If they are unchanged, the file has only grown. Empty if that can't be determined. */
  readonly guard: string;
  /** Undefined if the file doesn't begin like a rollout. */
  readonly head: RolloutHead | undefined;
  /** When a turn wrote its last line, in milliseconds since 1970. Without a turn, the time of the last line that has one. */
  readonly timestamp: number | undefined;
  readonly lastMessage: string | undefined;
  /** True if codex shows messages in this file. User messages in the form that the model gets don't count then. */
  readonly hasEvents: boolean;
  /** True if something was rolled back or summarized since. The whole thread has to be read to know which messages are left. */
  readonly hasRemovals?: boolean;
  /** True if the last message is too long to be read. */
  readonly isUnread?: boolean;
  /** The count for the lines before `end`, once it was needed. */
  readonly counted?: MessageCount & { readonly end: number };
  /** The count for the files that the thread continues from, once it was needed. */
  readonly inherited?: MessageCount & { readonly lastMessage: string | undefined };
}

interface MessageCount {
  readonly events: number;
  readonly items: number;
  /** The number of messages that were rolled back or summarized. */
  readonly removed?: number;
}

/**
 * Reads the parts of a rollout that say where the session was, when it was last used and what the user said last: the first line,
 * and the end back to that message. Of a file that is already known, reads only what was appended.
 */
export async function readRecord(
  file: RolloutFile,
  known: RolloutRecord | undefined,
  signal?: AbortSignal,
): Promise<RolloutRecord> {
  if (known !== undefined && known.size === file.size && known.mtimeMs === file.mtimeMs) return known;
  if (file.compressed) return readCompressed(file, signal);
  const earlier = known !== undefined && (await hasOnlyGrown(file, known)) ? known : undefined;
  const floor = earlier?.end ?? 0;
  const { size, path } = file;
  const fd = openSync(path, "r");
  let tail: Tail | Unfinished;
  let head: RolloutHead | undefined = earlier?.head;
  let isHeadRead = head !== undefined;
  try {
    tail = readTailNow(fd, size, floor, (bytes) => {
      if (!isHeadRead) ({ head, isRead: isHeadRead } = headIn(bytes));
    });
    if (!isHeadRead) ({ head, isRead: isHeadRead } = readHeadNow(fd, size));
  } finally {
    closeSync(fd);
  }
  if (!isHeadRead) head = await readHead(path, signal);
  const whole = "rest" in tail ? await readTail(path, tail, floor, signal) : tail;
  return recordOf(file, whole, head, earlier);
}

async function hasOnlyGrown({ path, size }: RolloutFile, known: RolloutRecord): Promise<boolean> {
  if (known.guard === "" || size < known.size) return false;
  await using file = await open(path);
  return known.guard === (await guardAt(file, known.end));
}

async function recordOf(
  file: RolloutFile,
  { scan, end }: Tail,
  head: RolloutHead | undefined,
  earlier: RolloutRecord | undefined,
): Promise<RolloutRecord> {
  const hasEvents = scan.hasEvent || (earlier?.hasEvents ?? false);
  const { size, mtimeMs } = file;
  return {
    size,
    mtimeMs,
    end,
    guard: "",
    head,
    timestamp: scan.workedAt ?? earlier?.timestamp ?? scan.writtenAt,
    lastMessage: scan.eventText ?? (hasEvents ? undefined : scan.itemText) ?? earlier?.lastMessage,
    hasEvents,
    ...(scan.hasRemovals || earlier?.hasRemovals ? { hasRemovals: true } : {}),
    ...(scan.isUnread ? { isUnread: true } : {}),
    ...(earlier?.counted && { counted: earlier.counted }),
    ...(earlier?.inherited && { inherited: earlier.inherited }),
  };
}

/** Adds what is needed to continue when the file has grown. It reads the file, so call it only for listed sessions. */
export async function withGuard(file: RolloutFile, record: RolloutRecord): Promise<RolloutRecord> {
  if (record.guard !== "" || file.compressed || record.end !== record.size) return record;
  await using handle = await open(file.path);
  return { ...record, guard: await guardAt(handle, record.end) };
}

/** Counts the user's messages in this file. Parses only lines that may contain one. */
export async function countMessages(
  file: RolloutFile,
  record: RolloutRecord,
  codexHome: string,
  signal?: AbortSignal,
): Promise<RolloutRecord> {
  // Codex may have copied turns from the thread that a sub-agent works for. They are not its own.
  if (record.hasRemovals || record.head?.origin !== undefined) return replayed(file, record, codexHome, signal);
  const { end: start = 0, ...before } = record.counted ?? { events: 0, items: 0 };
  if (record.counted !== undefined && start === record.end) return record;
  let { events, items } = before;
  for await (const { bytes, isCut } of linesOf(file.path, { start, end: record.size, signal })) {
    const { kind, line } = look(bytes, isCut);
    if (kind === "removal") return replayed(file, record, codexHome, signal);
    if (kind !== "event" && kind !== "item") continue;
    const source = isCut ? kind : userMessageOf(line ?? parsed(bytes))?.source;
    if (source === "event") events++;
    if (source === "item") items++;
  }
  return { ...record, counted: { ...before, events, items, end: record.end } };
}

/** Reads the whole thread, to find the messages that are left after some were reverted. */
async function replayed(
  file: RolloutFile,
  record: RolloutRecord,
  codexHome: string,
  signal?: AbortSignal,
): Promise<RolloutRecord> {
  if (record.counted?.end === record.end && !record.hasRemovals) return record;
  const { head } = record;
  const tracker = new TurnTracker(head?.id);
  for (const { path, end } of await segmentsOf(file, record, codexHome, signal))
    for await (const { bytes, isCut } of linesOf(path, { ...(end !== undefined && { end }), signal })) {
      if (isCut) continue;
      const { kind, line = kind === "work" || kind === "other" ? undefined : parsed(bytes) } = look(bytes);
      if (line !== undefined && line !== null) tracker.write(line as Parameters<TurnTracker["write"]>[0]);
    }
  const left = tracker.messages(head?.origin === undefined ? undefined : (turn) => !turn.isInherited);
  const texts = left.map((message) => excerpt(message.text));
  const count = { events: left.length, items: left.length };
  const { hasRemovals: _, ...rest } = record;
  return {
    ...rest,
    lastMessage: texts.findLast((text) => text !== ""),
    counted: { ...count, removed: tracker.totalMessageCount - left.length, end: record.end },
    inherited: { events: 0, items: 0, lastMessage: undefined },
  };
}

async function segmentsOf(
  file: RolloutFile,
  { head, size }: RolloutRecord,
  codexHome: string,
  signal?: AbortSignal,
): Promise<{ path: string; end: number | undefined }[]> {
  const own = { path: file.path, end: file.compressed ? undefined : size };
  if (head?.continues !== true) return [own];
  const chain = await historyChain(file.path, { codexHome, ...(signal && { signal }) });
  return [...chain.slice(0, -1), own];
}

/**
 * Counts messages in the files that a forked or reverted thread continues from, up to the place where it does.
 * @throws RolloutError `not_found` if one of them no longer exists.
 */
export async function inheritMessages(
  file: RolloutFile,
  record: RolloutRecord,
  codexHome: string,
  signal?: AbortSignal,
): Promise<RolloutRecord> {
  if (record.head?.continues !== true || record.inherited !== undefined) return record;
  const tracker = new TurnTracker();
  const segments = await segmentsOf(file, record, codexHome, signal);
  for (const { path, end } of segments.slice(0, -1))
    for await (const { bytes, isCut } of linesOf(path, { ...(end !== undefined && { end }), signal })) {
      if (isCut) continue;
      const { kind, line = kind === "work" || kind === "other" ? undefined : parsed(bytes) } = look(bytes);
      if (line !== undefined && line !== null) tracker.write(line as Parameters<TurnTracker["write"]>[0]);
    }
  const left = tracker.messages();
  const lastMessage = left.map((message) => excerpt(message.text)).findLast((text) => text !== "");
  return { ...record, inherited: { events: left.length, items: left.length, lastMessage } };
}

/** Returns the number of messages. Of a message's two forms, codex's own events count if there are any. */
export function messageCount({ counted, inherited }: RolloutRecord): number {
  const total = (key: "events" | "items") => (counted?.[key] ?? 0) + (inherited?.[key] ?? 0);
  return total("events") || total("items");
}

/** Returns the number of messages, including those that were rolled back or summarized. */
export const totalMessageCount = (record: RolloutRecord): number =>
  messageCount(record) + (record.counted?.removed ?? 0);

/** Reads a compressed rollout, which can't be read from its end. Codex compresses rollouts that were not used for a week. */
async function readCompressed(file: RolloutFile, signal?: AbortSignal): Promise<RolloutRecord> {
  let head: RolloutHead | undefined;
  let isFirst = true;
  let end = 0;
  // A scan takes lines from the last to the first, but here they are read in order: values of later lines replace earlier ones.
  let [workedAt, writtenAt, eventText, itemText]: [number?, number?, string?, string?] = [];
  let [events, items, hasRemovals] = [0, 0, false];
  for await (const { bytes, offset, isCut } of linesOf(file.path, { signal })) {
    if (isFirst && bytes.length > 0) {
      isFirst = false;
      head = isCut ? beginningOf(bytes) : headOf(bytes);
    }
    const scan = new TailScan();
    scan.take(bytes, isCut);
    workedAt = scan.workedAt ?? workedAt;
    writtenAt = scan.writtenAt ?? writtenAt;
    eventText = scan.eventText ?? eventText;
    itemText = scan.itemText ?? itemText;
    hasRemovals ||= scan.hasRemovals;
    if (scan.hasEvent) events++;
    if (scan.hasItem) items++;
    end = offset + bytes.length + 1;
  }
  return {
    size: file.size,
    mtimeMs: file.mtimeMs,
    end,
    guard: "",
    head,
    timestamp: workedAt ?? writtenAt,
    lastMessage: events > 0 ? eventText : itemText,
    hasEvents: events > 0,
    ...(hasRemovals ? { hasRemovals } : { counted: { events, items, end } }),
  };
}
