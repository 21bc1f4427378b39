import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StartGate, type TurnStart } from "./start-gate.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const never = new AbortController().signal;

/** Enters the gate several times, and returns the starts that have begun, in order. */
function entering(gate: StartGate, count: number, signal = never) {
  const begun: TurnStart[] = [];
  for (let index = 0; index < count; index++)
    void gate.enter(signal).then(
      (start) => begun.push(start),
      () => {},
    );
  return begun;
}

test("only so many start at the same time, and each end lets one in", async () => {
  const begun = entering(new StartGate(2), 5);
  await setImmediate();
  expect(begun).toHaveLength(2);
  begun[0]?.over();
  await setImmediate();
  expect(begun).toHaveLength(3);
  begun[1]?.over();
  begun[2]?.over();
  await setImmediate();
  expect(begun).toHaveLength(5);
});

test("an end counts once, also if the turn is disposed of later", async () => {
  const begun = entering(new StartGate(1), 4);
  await setImmediate();
  begun[0]?.over();
  begun[0]?.over();
  begun[0]?.[Symbol.dispose]();
  await setImmediate();
  expect(begun).toHaveLength(2);
});

test("starts that have ended leave room for as many later ones, and no more", async () => {
  const gate = new StartGate(2);
  for (const start of [await gate.enter(never), await gate.enter(never)]) start.over();
  const begun = entering(gate, 3);
  await setImmediate();
  expect(begun).toHaveLength(2);
});

test("a start that takes longer than a second no longer keeps others waiting", async () => {
  const begun = entering(new StartGate(1), 3);
  await setImmediate();
  vi.advanceTimersByTime(1000);
  await setImmediate();
  expect(begun).toHaveLength(2);
  begun[0]?.over();
  await setImmediate();
  expect(begun).toHaveLength(2);
});

test("a turn that is canceled in line leaves it, and those behind it come in", async () => {
  const gate = new StartGate(1);
  const first = await gate.enter(never);
  const canceled = new AbortController();
  const refused = gate.enter(canceled.signal);
  const begun = entering(gate, 1);
  canceled.abort(new Error("canceled"));
  await expect(refused).rejects.toThrow("canceled");
  first.over();
  await setImmediate();
  expect(begun).toHaveLength(1);
});

test("a turn that is canceled already does not enter", async () => {
  const gate = new StartGate(1);
  await expect(gate.enter(AbortSignal.abort(new Error("canceled")))).rejects.toThrow("canceled");
  const begun = entering(gate, 1);
  await setImmediate();
  expect(begun).toHaveLength(1);
});
