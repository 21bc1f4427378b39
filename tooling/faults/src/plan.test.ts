import { expect, test } from "vitest";
import { describePlan } from "./describe-plan.ts";
import { FAULTS, TRANSPORTS } from "./fault.ts";
import { planRun } from "./plan.ts";

const linesOf = (...args: Parameters<typeof planRun>) => [...planRun(...args)].flatMap(describePlan);

test.each(TRANSPORTS)("the same seed plans the same run by %s, another seed another", (transport) => {
  expect(linesOf(7, transport, 60)).toEqual(linesOf(7, transport, 60));
  expect(linesOf(7, transport, 60)).not.toEqual(linesOf(8, transport, 60));
});

test("a longer run begins as a shorter one", () => {
  expect(linesOf(7, "exec", 100).slice(0, 52)).toEqual(linesOf(7, "exec", 50));
});

test.each(TRANSPORTS)("400 turns by %s have each fault that there is", (transport) => {
  const planned = new Set([...planRun(7, transport, 400)].flatMap(({ turns }) => turns.map(({ fault }) => fault)));
  const possible = Object.entries(FAULTS).filter(([, kind]) => !("only" in kind) || kind.only === transport);
  expect([...planned].sort()).toEqual(possible.map(([name]) => name).sort());
});
