import { describe, expect, test } from "vitest";
import { describePlan } from "./describe-plan.ts";
import { FAULTS, TRANSPORTS } from "./fault.ts";
import { planRun } from "./plan.ts";
import { HANDLINGS, type Mode } from "./planned-script.ts";

const linesOf = (...args: Parameters<typeof planRun>) => [...planRun(...args)].flatMap(describePlan);
const run = { seed: 7, transport: "exec", turns: 60 } as const;

test.each(TRANSPORTS)("the same seed plans the same run by %s, another seed another", (transport) => {
  expect(linesOf({ ...run, transport })).toEqual(linesOf({ ...run, transport }));
  expect(linesOf({ ...run, transport })).not.toEqual(linesOf({ ...run, transport, seed: 8 }));
});

test("a longer run begins like a shorter one", () => {
  expect(linesOf({ ...run, turns: 100 }).slice(0, 52)).toEqual(linesOf({ ...run, turns: 50 }));
});

test("a long run stops codex for 30 s, and has the same faults", () => {
  const turnsOf = (isLong: boolean) => [...planRun({ ...run, turns: 200, isLong })].flatMap(({ turns }) => turns);
  const stopped = turnsOf(true).filter(({ fault }) => fault === "stop-codex");
  expect(new Set(stopped.map(({ ms }) => ms))).toEqual(new Set([30_000]));
  expect(turnsOf(true).map(({ fault }) => fault)).toEqual(turnsOf(false).map(({ fault }) => fault));
});

describe("a run in code mode", () => {
  const turnsOf = (mode: Mode) => [...planRun({ ...run, turns: 200, mode })].flatMap(({ turns }) => turns);

  test("is the same for the same seed, and has the faults and calls of the run in direct mode", () => {
    expect(turnsOf("code")).toEqual(turnsOf("code"));
    const inBoth = (mode: Mode) => turnsOf(mode).map(({ fault, calls, at }) => ({ fault, calls, at }));
    expect(inBoth("code")).toEqual(inBoth("direct"));
  });

  test("has a script for each answer with calls, and each way to handle a result", () => {
    const turns = turnsOf("code");
    expect(turns.map(({ scripts }) => scripts?.length)).toEqual(turns.map(({ calls }) => calls.length));
    const handlings = new Set(turns.flatMap(({ scripts = [] }) => scripts.map(({ handling }) => handling)));
    expect([...handlings].sort()).toEqual(Object.keys(HANDLINGS).sort());
    expect(turnsOf("direct").flatMap(({ scripts = [] }) => scripts)).toEqual([]);
  });
});

test.each(TRANSPORTS)("400 turns by %s have each fault that there is", (transport) => {
  const planned = new Set(
    [...planRun({ ...run, transport, turns: 400 })].flatMap(({ turns }) => turns.map(({ fault }) => fault)),
  );
  const possible = Object.entries(FAULTS).filter(([, kind]) => !("only" in kind) || kind.only === transport);
  expect([...planned].sort()).toEqual(possible.map(([name]) => name).sort());
});
