import { userMessageOf } from "@plexum/rollout";
import { excerpt } from "./excerpt.ts";
import { type LineKind, lineKind } from "./line-kind.ts";

/**
 * Lines in, from a rollout's last to the first; out comes when it was last used, and what the user said last. Says when it has
 * seen enough.
 */
export class TailScan {
  /** Of the last line that a turn wrote, in milliseconds since 1970. */
  workedAt: number | undefined;
  /** Of the last line, whatever it is. */
  writtenAt: number | undefined;
  /** What codex shows as the last message that has words. */
  eventText: string | undefined;
  hasEvent = false;
  hasItem = false;
  /** What the model is given as the user's: it counts where codex shows no messages. */
  itemText: string | undefined;
  /** The messages before here are not all left: the rollout has to be read from its beginning. */
  isTakenBack = false;
  /** The last message is so long that it was not read. */
  isUnread = false;

  /** Returns true if no more lines are needed. */
  take(bytes: Buffer, isCut = false): boolean {
    const { time, kind, line } = look(bytes, isCut);
    if (this.workedAt === undefined || this.writtenAt === undefined) this.#takeTime(Date.parse(time), kind);
    if (kind === "take-back") this.isTakenBack = true;
    if (kind === "event" || kind === "item")
      this.#takeMessage(kind, isCut ? undefined : (line ?? parsed(bytes)), isCut);
    return this.isTakenBack || (this.workedAt !== undefined && (this.eventText !== undefined || this.isUnread));
  }

  #takeTime(time: number, kind: LineKind["kind"]): void {
    if (Number.isNaN(time)) return;
    this.writtenAt ??= time;
    if (kind !== "other") this.workedAt ??= time;
  }

  #takeMessage(kind: "event" | "item", line: unknown, isCut: boolean): void {
    if (isCut) {
      if (kind === "event") this.hasEvent = true;
      else this.hasItem = true;
      this.isUnread ||= this.itemText === undefined;
      return;
    }
    const message = userMessageOf(line);
    if (message === undefined) return;
    const text = excerpt(message.text) || undefined;
    if (message.source === "item") {
      this.hasItem = true;
      this.itemText ??= text;
      return;
    }
    this.hasEvent = true;
    this.eventText ??= text;
  }
}

/** A line's kind; if it has to be parsed to know, what it holds as well. */
export function look(bytes: Buffer, isCut = false): LineKind & { readonly line?: unknown } {
  const told = lineKind(bytes);
  if (told.kind !== "unknown" || isCut) return told;
  const line = parsed(bytes);
  // biome-ignore lint/suspicious/noExplicitAny: what a file holds, looked at field by field.
  const { timestamp, type, payload } = Object(line) as any;
  const time = typeof timestamp === "string" ? timestamp : "";
  if (type === "compacted" || payload?.type === "thread_rolled_back") return { time, kind: "take-back", line };
  const source = userMessageOf(line)?.source;
  if (source !== undefined) return { time, kind: source, line };
  const eventType = type === "event_msg" && typeof payload?.type === "string" ? payload.type : "";
  if (eventType.startsWith("t")) return { time, kind: "turn", line };
  return { time, kind: type === "event_msg" || type === "response_item" ? "work" : "other", line };
}

export function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
