import { userMessageOf } from "@plexum/rollout";
import { excerpt } from "./excerpt.ts";
import { type LineKind, lineKind } from "./line-kind.ts";

/**
 * Takes a rollout's lines from the last to the first, and finds when it was last used and what the user said last. Says when no more
 * lines are needed.
 */
export class TailScan {
  /** The time of the last line that a turn wrote, in milliseconds since 1970. */
  workedAt: number | undefined;
  /** The time of the last line of any kind. */
  writtenAt: number | undefined;
  /** The last message with text, in the form that codex shows. */
  eventText: string | undefined;
  hasEvent = false;
  hasItem = false;
  /** The same in the form that the model gets. It counts if codex shows no messages. */
  itemText: string | undefined;
  /** True if some earlier messages were rolled back or summarized. The rollout has to be read from its beginning then. */
  hasRemovals = false;
  /** True if the last message is so long that it was not read. */
  isUnread = false;

  /** Returns true if no more lines are needed. */
  take(bytes: Buffer, isCut = false): boolean {
    const { time, kind, line } = look(bytes, isCut);
    if (this.workedAt === undefined || this.writtenAt === undefined) this.#takeTime(Date.parse(time), kind);
    if (kind === "removal") this.hasRemovals = true;
    if (kind === "event" || kind === "item")
      this.#takeMessage(kind, isCut ? undefined : (line ?? parsed(bytes)), isCut);
    return this.hasRemovals || (this.workedAt !== undefined && (this.eventText !== undefined || this.isUnread));
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

/** Returns a line's kind, with the parsed line if it had to be parsed. */
export function look(bytes: Buffer, isCut = false): LineKind & { readonly line?: unknown } {
  const byBeginning = lineKind(bytes);
  if (byBeginning.kind !== "unknown" || isCut) return byBeginning;
  const line = parsed(bytes);
  // biome-ignore lint/suspicious/noExplicitAny: the content of a file, checked field by field.
  const { timestamp, type, payload } = Object(line) as any;
  const time = typeof timestamp === "string" ? timestamp : "";
  if (type === "compacted" || payload?.type === "thread_rolled_back") return { time, kind: "removal", line };
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
