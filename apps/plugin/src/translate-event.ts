import type { TurnEvent } from "@plexum/codex-turn";
import type { LogLevel, ProviderEvent } from "@plexum/plugin-sdk";

/** What one of codex's events is to the host: events of the turn, or a line for the log. */
export type Translation =
  | { readonly events: readonly ProviderEvent[] }
  | { readonly log: { readonly level: LogLevel; readonly message: string; readonly fields?: Record<string, unknown> } }
  | undefined;

/**
 * An `error` event is no event of the turn: codex also tells of retries that way, and when the turn does fail, the turn's
 * result says so once, with its reason.
 */
export function translateEvent(event: TurnEvent): Translation {
  switch (event.type) {
    case "item.completed":
      if (event.item.type === "agent_message") return { events: [{ type: "text_delta", text: event.item.text }] };
      if (event.item.type === "error") return log("warning", `codex: ${event.item.message}`);
      return undefined;
    case "error":
      return log("warning", `codex: ${event.message}`);
    case "unknown":
      return log("debug", "codex wrote an event of an unknown type", { event: event.eventType, item: event.itemType });
    case "malformed":
      return log("warning", `codex wrote a line that is not an event: ${event.message}`, {
        reason: event.reason,
        offset: event.offset,
      });
    case "oversized":
      return log("warning", `codex wrote an event that is too large to read: ${event.length} bytes`, {
        event: event.eventType,
        item: event.itemType,
      });
    default:
      return undefined;
  }
}

const log = (level: LogLevel, message: string, fields?: Record<string, unknown>): Translation => ({
  log: { level, message, ...(fields === undefined ? {} : { fields }) },
});
