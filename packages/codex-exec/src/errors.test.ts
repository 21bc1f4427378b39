import { expect, test } from "vitest";
import { CodexExecError } from "./errors.ts";

test("isInstance knows an error of another install of this package", async () => {
  const copy: typeof import("./errors.ts") = await import(`${import.meta.resolve("./errors.ts")}?copy`);
  const foreign = new copy.CodexExecError("failed", "x");
  expect(foreign).not.toBeInstanceOf(CodexExecError);
  expect(CodexExecError.isInstance(foreign)).toBe(true);
  expect(CodexExecError.isInstance(new Error("x"))).toBe(false);
  expect(CodexExecError.isInstance(null)).toBe(false);
});
