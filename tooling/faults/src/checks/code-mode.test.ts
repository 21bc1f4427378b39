import { ModelRequest } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import type { StreamRecord } from "../host/host-record.ts";
import { snapshotOf } from "../host/rollout-snapshot.ts";
import type { Consumption, KnownScript } from "../host/workspace-state.ts";
import type { PlannedScript } from "../plan/planned-script.ts";
import { checkCalls } from "./check-calls.ts";
import { checkRollout } from "./check-rollout.ts";
import { checkScripts } from "./check-scripts.ts";

// As in checks.test.ts: each check gets a correct input, and then the same input with one fault.

const SCRIPT = "call_1-0123abcd-0";
const [A, B] = [`${SCRIPT}-0`, `${SCRIPT}-1`];
const OUTPUT = { type: "custom_tool_call_output", call_id: SCRIPT };

describe("the outputs of a script in a request to the model", () => {
  const scriptThat = (handling: PlannedScript["handling"], ...shown: string[]): KnownScript => ({
    plan: { handling, isParallel: false },
    calls: [A, B],
    nested: new Map([
      ["exec-a", A],
      ["exec-b", B],
    ]),
    asked: new Set(),
    shown,
  });
  const raw = scriptThat("raw", `Script completed\u0000out ${A}\u0000out ${B}\n`);
  const changes = scriptThat("changed", "Script completed\u0000reversed");
  const certain = (op: Consumption["op"]): Consumption => ({ op, isCertain: true });
  const check = (
    script: KnownScript,
    outputs: readonly string[],
    consumed: [string, Consumption][] = [],
    input = "x",
  ) =>
    checkScripts(
      new ModelRequest(
        0,
        {},
        {
          input: [
            { type: "custom_tool_call", call_id: SCRIPT, input },
            ...outputs.map((text) => ({
              ...OUTPUT,
              output: text.includes("\u0000") ? text.split("\u0000").map((text) => ({ text })) : text,
            })),
          ],
        },
      ),
      { answered: [SCRIPT], scripts: new Map([[SCRIPT, { ...script }]]), consumed: new Map(consumed) },
    );
  const light = certain("consume-light");
  const heavy = certain("consume-heavy");
  const perhaps: Consumption = { op: "consume-light", isCertain: false };

  test.each<[string, KnownScript, string[], [string, Consumption][], string?]>([
    ["unchanged", raw, [`Script completed\u0000out ${A}\u0000out ${B}\n`], []],
    ["with the marker of a call", raw, [`Script completed\u0000...(consumed)\u0000out ${B}\n`], [["exec-a", light]]],
    [
      "with a marker that follows a newline",
      raw,
      [`Script completed\u0000out ${A}\u0000...(tool called)`],
      [["exec-b", heavy]],
    ],
    ["perhaps consumed, but not", raw, [`Script completed\u0000out ${A}\u0000out ${B}\n`], [["exec-a", perhaps]]],
    ["perhaps consumed, and so", raw, [`Script completed\u0000...(consumed)\u0000out ${B}\n`], [["exec-a", perhaps]]],
    ["consumed as a whole", raw, ["...(tool called)"], [[SCRIPT, heavy]], "{}"],
    ["that a script changed", changes, ["...(consumed)"], [["exec-a", light]]],
    [
      "with the marker of its calls, and perhaps consumed as a whole",
      changes,
      ["...(tool called)"],
      [
        ["exec-a", heavy],
        [SCRIPT, { ...heavy, isCertain: false }],
      ],
    ],
  ])("are right: %s", (_name, script, outputs, consumed, input) => {
    expect(check(script, outputs, consumed, input)).toEqual([]);
  });

  test.each<[string, KnownScript, string[], [string, Consumption][], "marker" | "thread", string?]>([
    ["missing", raw, [], [], "thread"],
    ["twice", raw, [...(raw.shown ?? []), ...(raw.shown ?? [])], [], "marker"],
    ["with a marker of nobody", raw, [`Script completed\u0000...(consumed)\u0000out ${B}\n`], [], "marker"],
    ["with what was consumed", raw, [`Script completed\u0000out ${A}\u0000out ${B}\n`], [["exec-a", light]], "marker"],
    [
      "with another call's marker",
      raw,
      [`Script completed\u0000out ${A}\u0000...(consumed)`],
      [["exec-a", light]],
      "marker",
    ],
    [
      "with another marker",
      raw,
      [`Script completed\u0000...(tool called)\u0000out ${B}\n`],
      [["exec-a", light]],
      "marker",
    ],
    ["without the rest of the text", raw, ["...(consumed)"], [["exec-a", light]], "marker"],
    ["of a consumed script", raw, raw.shown as string[], [[SCRIPT, light]], "marker"],
    ["of a consumed script with its source", raw, ["...(tool called)"], [[SCRIPT, heavy]], "marker", "text(1)"],
    ["that a script changed, after all is consumed", changes, changes.shown as string[], [["exec-a", light]], "marker"],
  ])("are wrong: %s", (_name, script, outputs, consumed, invariant, input) => {
    expect(check(script, outputs, consumed, input)).toMatchObject([{ invariant }]);
  });
});

const line = (type: string, payload: object) => JSON.stringify({ type, payload });
const nested = (id: string, name: string) =>
  line("event_msg", { type: "item_completed", item: { type: "McpToolCall", id, arguments: { call: name } } });
const rolloutOf = (...lines: string[]) => snapshotOf(Buffer.from(lines.map((one) => `${one}\n`).join("")));
const lines = [
  line("response_item", { type: "custom_tool_call", call_id: SCRIPT, input: "x" }),
  nested("exec-a", A),
  line("response_item", { ...OUTPUT, output: `out ${A}` }),
];

describe("the calls from inside scripts", () => {
  const events = (id: string, args: string) => [
    { type: "tool_call_start" as const, tool_call: { id, name: "lookup" } },
    { type: "tool_call_delta" as const, tool_call: { id, arguments: args } },
    { type: "tool_call_end" as const, tool_call: { id } },
    { type: "tool_result" as const, tool_result: { tool_call_id: id, content: "out", is_error: false } },
  ];
  const streamOf = (...ids: [id: string, args: string][]): StreamRecord => ({
    streamId: "s",
    events: ids.flatMap(([id, args]) => events(id, args)).map((event, seq) => ({ seq, event })),
    end: "answered",
  });
  const script: [string, string] = [SCRIPT, "x"];
  const call: [string, string] = ["exec-a", `{"call":"${A}"}`];
  const right = {
    streams: [streamOf(script, call)],
    rollout: rolloutOf(...lines),
    issued: new Set([SCRIPT, A]),
    unemitted: new Set<string>(),
  };

  test("that both know, and those that a killed plugin could not emit", () => {
    expect(checkCalls(right)).toEqual([]);
    expect(checkCalls({ ...right, streams: [streamOf(script)], unemitted: new Set([A]) })).toEqual([]);
  });

  test.each([
    ["that was not emitted to the host", { streams: [streamOf(script)] }, /has call exec-a, which was not emitted/],
    ["that the rollout lost", { rollout: rolloutOf(...lines.toSpliced(1, 1)) }, /exec-a was emitted to the host, but/],
    ["that nobody made", { issued: new Set([SCRIPT]) }, /call exec-a was not made by the model/],
    ["recorded twice", { rollout: rolloutOf(...lines, nested("exec-a", A)) }, /the rollout has a call twice: exec-a/],
    ["by two ids", { rollout: rolloutOf(...lines, nested("exec-b", A)) }, /one call has two ids/],
  ])("%s", (_name, wrong, what) => {
    const found = checkCalls({ ...right, ...wrong });
    expect(found).toContainEqual({ invariant: "calls", what: expect.stringMatching(what) });
  });
});

test("a mutation of a call from inside a script may change its record and its script's output, and no other line", () => {
  const asked = {
    before: rolloutOf(...lines),
    mutated: new Set(["exec-a"]),
    mutatedOutputs: new Set([SCRIPT]),
    mayBeTorn: false,
  };
  const changedAt = (index: number) => rolloutOf(...lines.with(index, lines[index]?.replace(/\}$/, " }") ?? ""));
  expect([1, 2].map((index) => checkRollout(changedAt(index), asked))).toEqual([[], []]);
  expect(checkRollout(changedAt(0), asked)).toMatchObject([{ invariant: "rollout" }]);
  expect(checkRollout(changedAt(2), { ...asked, mutatedOutputs: new Set() })).toMatchObject([{ invariant: "rollout" }]);
});
