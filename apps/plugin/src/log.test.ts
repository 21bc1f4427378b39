import { expect, test } from "vitest";
import { LimitedLog, LOG_LIMITS, type Log } from "./log.ts";

function logging(limits: Partial<typeof LOG_LIMITS> = {}) {
  const lines: { level: string; message: string; fields: Record<string, unknown> | undefined }[] = [];
  const write: Log = (level, message, fields) => void lines.push({ level, message, fields });
  let now = 0;
  const later = (ms: number) => {
    now += ms;
  };
  const turn = new LimitedLog(write, { ...LOG_LIMITS, ...limits }, () => now);
  return { lines, turn, later };
}

test("endless output is limited in rate, and dropped lines are counted", () => {
  const { lines, turn, later } = logging({ burst: 10, perSecond: 5 });
  for (let n = 0; n < 1000; n++) turn.log("debug", `line ${n}`);
  expect(lines).toHaveLength(10);
  later(1000);
  turn.log("debug", "later");
  expect(lines.slice(10)).toEqual([
    { level: "warning", message: expect.stringContaining("990 log lines were dropped"), fields: { dropped: 990 } },
    { level: "debug", message: "later", fields: undefined },
  ]);
  for (let n = 0; n < 5; n++) turn.log("warning", "codex: retrying");
  turn[Symbol.dispose]();
  expect(lines.at(-1)?.message).toContain("1 log line was dropped");
  expect(lines).toHaveLength(17);
});

test("errors and the plugin's own information are never dropped", () => {
  const { lines, turn } = logging({ burst: 1, perSecond: 0 });
  for (let n = 0; n < 50; n++) turn.log("debug", "noise");
  turn.log("error", "it failed");
  turn.log("info", "mutated");
  turn[Symbol.dispose]();
  expect(lines.map(({ level }) => level)).toEqual(["debug", "warning", "error", "info"]);
});

test("a turn's lines have a total limit, however slowly they arrive", () => {
  const { lines, turn, later } = logging({ maxText: 1000, maxTotal: 100_000 });
  for (let n = 0; n < 5000; n++) {
    turn.log("debug", "x".repeat(100_000), { detail: "y".repeat(100_000) });
    later(1000);
  }
  const held = lines.filter(({ level }) => level === "debug");
  expect(JSON.stringify(held).length).toBeLessThan(110_000);
  expect(held.length).toBeGreaterThan(40);
});

test("a text becomes one line without terminal escapes", () => {
  const { lines, turn } = logging();
  const forged = "broken\u001b[2J\u001b]0;title\u0007\r\n2026-01-01 ERROR all is lost\u2028x\u202ey";
  turn.log("warning", forged, { detail: forged, pid: 7, list: ["a"] });
  expect(lines).toEqual([
    {
      level: "warning",
      message: "broken 2026-01-01 ERROR all is lost x y",
      fields: { detail: "broken 2026-01-01 ERROR all is lost x y", pid: 7, list: ["a"] },
    },
  ]);
});
