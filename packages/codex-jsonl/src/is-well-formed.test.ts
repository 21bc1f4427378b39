import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isWellFormedEvent } from "./is-well-formed.ts";
import { codexEventSchema } from "./schemas.ts";
import { EVENTS, mutatedEvents, NEAR_MISSES } from "./testing/sample-events.ts";

/** What is-well-formed.ts determines without running the schema. */
function needsNoFallback(value: unknown): boolean {
  const { success, data } = codexEventSchema.safeParse(value);
  return success && isDeepStrictEqual(data, value);
}

test("every event and item type is well-formed as codex writes it", () => {
  expect(EVENTS.filter((event) => !isWellFormedEvent(event))).toEqual([]);
});

test("agrees with the schema on events and near misses", () => {
  const disagreed = NEAR_MISSES.filter((value) => isWellFormedEvent(value) !== needsNoFallback(value));
  expect(disagreed).toEqual([]);
  fc.assert(
    fc.property(mutatedEvents, (value) => {
      expect(isWellFormedEvent(value)).toBe(needsNoFallback(value));
    }),
    { numRuns: 5000 },
  );
});

test("agrees with the schema on any JSON value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(isWellFormedEvent(value)).toBe(needsNoFallback(value));
    }),
  );
});

test("agrees with the schema on numbers that JSON.parse reads as Infinity", () => {
  const value = JSON.parse('{"type":"turn.completed","usage":{"input_tokens":1e999,"output_tokens":1}}');
  expect(isWellFormedEvent(value)).toBe(false);
  expect(codexEventSchema.parse(value)).toEqual({ type: "turn.completed", usage: null });
});
