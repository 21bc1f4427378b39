import { expect, test } from "vitest";
import { modelArgument } from "./model-argument.ts";

test.each([
  ["", undefined],
  ["codex", undefined],
  ["fast", "gpt-5.5-mini"],
  ["gpt-5.5", "gpt-5.5"],
  ["constructor", "constructor"],
])("%j becomes --model %j", (modelId, expected) => {
  expect(modelArgument(modelId, { modelArgs: { fast: "gpt-5.5-mini" } })).toBe(expected);
});

test("a mapped name wins over the default ones", () => {
  expect(modelArgument("codex", { modelArgs: { codex: "gpt-5.5" } })).toBe("gpt-5.5");
});
