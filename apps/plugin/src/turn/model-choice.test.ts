import { expect, test } from "vitest";
import { modelChoice } from "./model-choice.ts";

const modelArgs = {
  fast: { model: "gpt-5.5-mini" },
  deep: { model: "gpt-5.5", effort: "high" },
  low: { effort: "low" },
};

test.each([
  ["", {}],
  ["codex", {}],
  ["fast", { model: "gpt-5.5-mini" }],
  ["deep", { model: "gpt-5.5", effort: "high" }],
  ["low", { effort: "low" }],
  ["gpt-5.5", { model: "gpt-5.5" }],
  ["constructor", { model: "constructor" }],
])("%j becomes %j", (modelId, expected) => {
  expect(modelChoice(modelId, { modelArgs })).toEqual(expected);
});

test("a mapped name has priority over the defaults", () => {
  expect(modelChoice("codex", { modelArgs: { codex: { model: "gpt-5.5" } } })).toEqual({ model: "gpt-5.5" });
});
