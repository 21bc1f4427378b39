import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TurnTracker } from "./turn-tracker.ts";

const event = (type: string, more: object = {}) => ({ type: "event_msg", payload: { type, ...more } });
const said = (text: string) => [
  {
    type: "response_item",
    payload: { type: "message", role: "user", content: [{ type: "input_text", text }] },
  },
  event("user_message", { message: text }),
];
const turn = (id: string, ...texts: string[]) => [
  event("task_started", { turn_id: id }),
  ...texts.flatMap(said),
  event("task_complete", { turn_id: id }),
];
const rolledBack = (num_turns: unknown) => event("thread_rolled_back", { num_turns });
const compacted = (...kept: string[]) => ({
  type: "compacted",
  payload: { message: "summary", replacement_history: kept.map((text) => said(text)[0]?.payload) },
});

function track(...lines: (object | object[])[]) {
  const tracker = new TurnTracker();
  for (const line of lines.flat()) tracker.write(line as never);
  return tracker;
}
const left = (tracker: TurnTracker) => tracker.messages().map(({ text }) => text);

describe("a rollback", () => {
  it.each<[number, string[]]>([
    [0, ["a", "b", "c"]],
    [1, ["a", "b"]],
    [2, ["a"]],
    [9, []],
  ])("of %i turns removes the last ones", (count, expected) => {
    const tracker = track(turn("1", "a"), turn("2", "b"), turn("3", "c"), rolledBack(count));
    expect(left(tracker)).toEqual(expected);
    expect(tracker.totalMessageCount).toBe(3);
  });

  it("removes a turn with several messages completely, and turns without messages in between", () => {
    const tracker = track(turn("1", "a"), turn("2", "b", "steered"), turn("compaction"), rolledBack(1), turn("4", "d"));
    expect(left(tracker)).toEqual(["a", "d"]);
    expect(tracker.turns.map(({ number, isRolledBack }) => [number, isRolledBack])).toEqual([
      [1, false],
      [2, true],
      [3, true],
      [2, false],
    ]);
  });

  it("can be followed by another one, which removes the turns before it", () => {
    expect(
      left(track(turn("1", "a"), turn("2", "b"), rolledBack(1), turn("3", "c"), rolledBack(2), turn("4", "d"))),
    ).toEqual(["d"]);
  });

  it("works in rollouts that record no turns, with either form of a message", () => {
    const messages = ["a", "b", "c"].map(said);
    expect(left(track(messages.flat(), rolledBack(2)))).toEqual(["a"]);
    for (const form of [0, 1])
      expect(
        left(
          track(
            messages.map((forms) => forms[form] ?? {}),
            rolledBack(2),
          ),
        ),
      ).toEqual(["a"]);
  });

  it("with an invalid count removes nothing", () => {
    for (const count of [undefined, null, "x", -1, Number.NaN])
      expect(left(track(turn("1", "a"), rolledBack(count)))).toEqual(["a"]);
  });

  it("leaves the same messages as removing them from a list, in any sequence", () => {
    const step = fc.oneof(fc.constant("say" as const), fc.nat({ max: 4 }));
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const expected: string[] = [];
        const lines = steps.flatMap((one, index) => {
          if (one === "say") {
            expected.push(String(index));
            return turn(`turn ${index}`, String(index));
          }
          expected.splice(Math.max(0, expected.length - one));
          return [rolledBack(one)];
        });
        expect(left(track(lines))).toEqual(expected);
      }),
    );
  });
});

describe("a compaction", () => {
  it("leaves the messages that it keeps, and those after it", () => {
    const tracker = track(turn("1", "a"), turn("2", "b"), turn("3"), compacted("b"), turn("4", "c"));
    expect(left(tracker)).toEqual(["b", "c"]);
    expect(tracker.messages().at(-1)?.text).toBe("c");
  });

  it("keeps all messages if it does not list any", () => {
    const old = { type: "compacted", payload: { message: "summary" } };
    expect(left(track(turn("1", "a"), old, turn("2", "b")))).toEqual(["a", "b"]);
  });

  it("is undone when its turn is rolled back", () => {
    const tracker = new TurnTracker();
    const write = (...lines: object[]) => lines.map((line) => tracker.write(line as never)).at(-1) ?? 0;
    write(...turn("1", "a"));
    const [first] = tracker.turns;
    const before = write(event("token_count"));
    write(event("task_started", { turn_id: "2" }), ...said("b"), compacted("a", "b"), event("task_complete"));
    expect(tracker.isInContext(first, before)).toBe(false);
    write(rolledBack(1));
    expect(tracker.isInContext(first, before)).toBe(true);
    expect(left(tracker)).toEqual(["a"]);
  });

  it("may keep a call, by its id", () => {
    const tracker = new TurnTracker();
    for (const line of turn("1", "a")) tracker.write(line);
    const [first] = tracker.turns;
    const kept = { type: "function_call", call_id: "call_kept" };
    tracker.write({ type: "compacted", payload: { message: "", replacement_history: [kept] } });
    expect(tracker.isInContext(first, 0, "call_kept")).toBe(true);
    expect(tracker.isInContext(first, 0, "call_other")).toBe(false);
  });
});

it("marks the turns that were copied from the thread from which this one was created", () => {
  const at = (ms: number) => `0199a213-${ms.toString(16).padStart(4, "0")}-7800-8aa1-000000000000`;
  const tracker = new TurnTracker(at(5));
  for (const line of [...turn(at(1), "parent's"), ...turn(at(6), "own"), ...turn("no uuid", "own too")])
    tracker.write(line);
  expect(tracker.turns.map(({ isInherited }) => isInherited)).toEqual([true, false, false]);
  expect(tracker.messages((one) => !one.isInherited).map(({ text }) => text)).toEqual(["own", "own too"]);
});
