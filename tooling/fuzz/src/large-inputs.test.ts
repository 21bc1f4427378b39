import { ToolCallPairer, TurnTracker, userMessageOf } from "@plexum/rollout";
import { expect, test } from "vitest";

/** In quadratic time each of these takes minutes, and the test times out. */
const MANY = 300_000;

test("reading a text of only the beginnings of image frames ends", () => {
  const message = "<image name=[".repeat(MANY);
  const line = { type: "event_msg", payload: { type: "user_message", message } };
  expect(userMessageOf(line)?.text).toBe(message);
  expect(userMessageOf({ ...line, payload: { type: "user_message", message: "see <image name=[a b]>" } })?.text).toBe(
    "see ",
  );
});

test("reading very many turns, and their reverts, ends", () => {
  const tracker = new TurnTracker();
  const tell = (payload: object) => tracker.write({ type: "event_msg", payload });
  for (let turn = 0; turn < MANY; turn++) {
    tell({ type: "task_started", turn_id: `turn_${turn}` });
    tell({ type: "user_message", message: "go on" });
    if (turn % 2 === 1) tell({ type: "thread_rolled_back", num_turns: 1 });
  }
  expect(tracker.turns).toHaveLength(MANY);
  expect(tracker.turns.at(-2)?.number).toBe(MANY / 2);
  expect(tracker.messages()).toHaveLength(MANY / 2);
});

test("reading very many calls in one script ends", () => {
  const pairer = new ToolCallPairer();
  let offset = 0;
  const tell = (type: "response_item" | "event_msg", payload: { type: string }) => {
    const line = { type, payload, timestamp: undefined, ordinal: undefined };
    return pairer.write({ kind: "line", path: "", offset: offset++, length: 1, line: line as never });
  };
  const script = { type: "custom_tool_call", name: "exec", call_id: "script", input: "" };
  tell("response_item", script);
  let parents = 0;
  for (let call = 0; call < MANY; call++) {
    const item = { type: "McpToolCall", id: `exec-${call}`, tool: "lookup", arguments: {} };
    const [started] = tell("event_msg", { type: "item_completed", item } as never);
    if (started?.type === "call-started" && started.call.parentCallId === "script") parents++;
  }
  expect(parents).toBe(MANY);
});
