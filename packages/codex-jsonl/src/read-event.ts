import { EXCERPT_BYTES, type Line, type OversizedLine as OversizedBytes, type SplitLine } from "@plexum/jsonl";
import type { CodexEvent } from "./events.ts";
import { isWellFormedEvent } from "./is-well-formed.ts";
import type { MalformedLine, OversizedLine, ParsedEvent } from "./results.ts";
import { codexEventSchema, codexItemSchema } from "./schemas.ts";

const EVENT_TYPES: ReadonlySet<string> = new Set(codexEventSchema.options.map((option) => option.shape.type.value));
const ITEM_TYPES: ReadonlySet<string> = new Set(codexItemSchema.options.map((option) => option.shape.type.value));

// Keeps a byte order mark, as Buffer does: the result must not depend on how the line was cut into chunks.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads one line. Returns `undefined` if it is blank. Invalid UTF-8 is read as U+FFFD. Never throws. */
export function readEvent(line: SplitLine): ParsedEvent | undefined {
  if (line.kind === "oversized") return oversized(line);
  const { bytes } = line;
  let value: unknown;
  try {
    // For short lines, as most events are, Buffer decodes faster than TextDecoder.
    value = JSON.parse(Buffer.isBuffer(bytes) ? bytes.toString() : decoder.decode(bytes));
  } catch (error) {
    if (bytes.every(isBlank)) return undefined;
    return malformed(line, line.terminated ? "not_json" : "truncated", (error as Error).message);
  }
  return isWellFormedEvent(value) ? value : readUnusual(line, value);
}

function readUnusual(line: Line, value: unknown): ParsedEvent {
  if (!isTyped(value)) return malformed(line, "not_an_event", "the line is not an object with a string `type`");
  const { offset } = line;
  const { type: eventType } = value;
  if (!EVENT_TYPES.has(eventType)) return { type: "unknown", eventType, offset, value };
  if (eventType.startsWith("item.") && isTyped(value.item) && !ITEM_TYPES.has(value.item.type)) {
    return { type: "unknown", eventType, itemType: value.item.type, offset, value };
  }
  const { data, error } = codexEventSchema.safeParse(value);
  if (data !== undefined) return data satisfies CodexEvent;
  const [issue] = error.issues;
  return malformed(line, "wrong_shape", `${eventType}: ${issue?.path.join(".")}: ${issue?.message}`);
}

function malformed(line: Line, reason: MalformedLine["reason"], message: string): MalformedLine {
  const { offset, length } = line;
  return { type: "malformed", reason, message, offset, length, excerpt: excerptOf(line.bytes) };
}

function oversized(line: OversizedBytes): OversizedLine {
  const { offset, length } = line;
  const excerpt = excerptOf(line.head);
  const { eventType, itemType } = HEAD.exec(excerpt)?.groups ?? {};
  return {
    type: "oversized",
    ...(eventType === undefined ? {} : { eventType }),
    ...(itemType === undefined ? {} : { itemType }),
    offset,
    length,
    excerpt,
  };
}

/** Matches the beginning of a line in codex's order of keys: `{"type":"…","item":{"id":"…","type":"…"`. */
const HEAD =
  /^\s*\{\s*"type"\s*:\s*"(?<eventType>[^"\\]*)"(?:\s*,\s*"item"\s*:\s*\{\s*(?:"id"\s*:\s*"[^"\\]*"\s*,\s*)?"type"\s*:\s*"(?<itemType>[^"\\]*)")?/;

function excerptOf(bytes: Uint8Array): string {
  // In stream mode the decoder holds back a character that the cut has split.
  return new TextDecoder().decode(bytes.subarray(0, EXCERPT_BYTES), { stream: true });
}

const isBlank = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0d;

const isTyped = (value: unknown): value is { type: string; item?: unknown } =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
