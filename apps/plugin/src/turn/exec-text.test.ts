import { expect, test } from "vitest";
import { checkExecText } from "./exec-text.ts";

test("codex exec is not asked without text", () => {
  checkExecText("look");
  expect(() => checkExecText(" \n")).toThrow(/codex exec does not take: send some text/);
});
