import { expect, test } from "vitest";
import { checkExecText } from "./exec-text.ts";

test("a message without text is refused before codex exec starts", () => {
  checkExecText("look");
  expect(() => checkExecText(" \n")).toThrow(/codex exec does not accept: send some text/);
});
