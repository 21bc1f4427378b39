import type { TurnEvent } from "@plexum/codex-turn";
import { expect, test } from "vitest";
import { EventTranslator } from "./translate-event.ts";

const collab = (type: "item.started" | "item.completed", id: string): TurnEvent =>
  ({
    type,
    item: {
      id,
      type: "collab_tool_call",
      tool: "spawn_agent",
      sender_thread_id: "a",
      receiver_thread_ids: ["b"],
      prompt: "look",
      agents_states: {},
      status: "in_progress",
    },
  }) as TurnEvent;

test.each([
  ["with a start", [collab("item.started", "1"), collab("item.completed", "1"), collab("item.started", "2")]],
  ["completed without a start", [collab("item.completed", "1"), collab("item.completed", "2")]],
])("a turn with other agents warns once that they are not followed: %s", (_name, events) => {
  const translator = new EventTranslator();
  const translations = events.map((event) => translator.translate(event)).filter((one) => one !== undefined);
  expect(translations).toEqual([
    { log: { level: "warning", message: expect.stringContaining("other agents in this turn") } },
  ]);
});

test("a message without an id keeps its text, and does not repeat another message's text", () => {
  const translator = new EventTranslator();
  const texts = [
    translator.translate({ type: "agent_message.delta", item_id: "m", delta: "one" }),
    translator.translate({ type: "item.completed", item: { id: "", type: "agent_message", text: "two" } }),
    translator.translate({ type: "item.completed", item: { id: "m", type: "agent_message", text: "one more" } }),
  ];
  expect(texts).toMatchObject([{ text: { text: "one" } }, { text: { text: "two" } }, { text: { text: " more" } }]);
});
