import { expect, test } from "vitest";
import { turnUsage } from "./turn-usage.ts";

const total = (input: number, output: number) => ({
  input_tokens: input,
  output_tokens: output,
  cached_input_tokens: 5,
  reasoning_output_tokens: 2,
});

test("a turn's usage is the difference between the totals after and before it", () => {
  expect(turnUsage(total(100, 10), { ...total(150, 13), cached_input_tokens: 9 })).toEqual({
    input_tokens: 50,
    output_tokens: 3,
    cache_read_tokens: 4,
    thinking_tokens: 0,
  });
});

test("in a new thread, a turn's usage is the total; without a total, it is zero", () => {
  expect(turnUsage(undefined, total(100, 10))).toMatchObject({ input_tokens: 100, output_tokens: 10 });
  expect(turnUsage(total(100, 10), undefined)).toMatchObject({ input_tokens: 0, output_tokens: 0 });
});
