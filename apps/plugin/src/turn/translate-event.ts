import { TextDeltas, type TurnEvent } from "@plexum/codex-turn";
import type { LogLevel, ProviderEvent } from "@plexum/plugin-sdk";

/** What an event of codex becomes for the host: text, or a line in the log. */
export type Translation =
  | { readonly text: Extract<ProviderEvent, { type: "text_delta" }>; readonly isFirst: boolean }
  | { readonly log: { readonly level: LogLevel; readonly message: string; readonly fields?: Record<string, unknown> } }
  | undefined;

/** Translates a turn's events. Each text reaches the host once, however codex sends it. */
export class EventTranslator {
  readonly #texts = new TextDeltas();
  #hasOtherAgents = false;

  /**
   * Translates one event. An `error` event is only logged, because codex also reports retries that way. If the turn fails, its result
   * has the reason.
   */
  translate(event: TurnEvent): Translation {
    switch (event.type) {
      case "agent_message.delta": {
        const isFirst = this.#texts.textOf(event.item_id) === "";
        return textDelta(event.item_id, this.#texts.delta(event.item_id, event.delta), event.phase, isFirst);
      }
      case "item.started":
        return event.item.type === "collab_tool_call" ? this.#otherAgents() : undefined;
      case "item.completed": {
        const { item } = event;
        if (item.type === "collab_tool_call") return this.#otherAgents();
        if (item.type === "error") return log("warning", `codex: ${item.message}`);
        if (item.type !== "agent_message") return undefined;
        const isFirst = this.#texts.textOf(item.id) === "";
        const { phase } = item as { phase?: unknown };
        return textDelta(item.id, this.#texts.complete(item.id, item.text), phase, isFirst);
      }
      case "error":
        return log("warning", `codex: ${event.message}`);
      case "unknown":
        return log("debug", "codex wrote an event of an unknown type", {
          event: event.eventType,
          item: event.itemType,
        });
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

  /** codex records the work of other agents in separate threads, which the plugin does not follow. */
  #otherAgents(): Translation {
    if (this.#hasOtherAgents) return undefined;
    this.#hasOtherAgents = true;
    return log(
      "warning",
      "codex works with other agents in this turn. Their calls of the host's tools run, but are not reported as events and can't be consumed. Their tokens are not counted",
    );
  }
}

function textDelta(id: string, text: string, phase: unknown, isFirst: boolean): Translation {
  if (text === "") return undefined;
  return {
    text: {
      type: "text_delta",
      text,
      ...(id === "" ? {} : { message_id: id }),
      ...(typeof phase === "string" ? { phase } : {}),
    },
    isFirst,
  };
}

const log = (level: LogLevel, message: string, fields?: Record<string, unknown>): Translation => ({
  log: { level, message, ...(fields === undefined ? {} : { fields }) },
});
