import { expect, test } from "vitest";
import { CodexTurnError } from "./errors.ts";

test("isInstance recognizes an error of another installed copy of this package", async () => {
  const copy: typeof import("./errors.ts") = await import(`${import.meta.resolve("./errors.ts")}?copy`);
  const foreign = new copy.CodexTurnError("failed", "x");
  expect(foreign).not.toBeInstanceOf(CodexTurnError);
  expect(CodexTurnError.isInstance(foreign)).toBe(true);
  expect(CodexTurnError.isInstance(new Error("x"))).toBe(false);
  expect(CodexTurnError.isInstance(null)).toBe(false);
});
