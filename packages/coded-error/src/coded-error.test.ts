import { inspect } from "node:util";
import { expect, test } from "vitest";
import { CodedError, codeOf, isCodedError, messageOf } from "./index.ts";

class StoreError extends CodedError<"full" | "gone"> {
  constructor(code: "full" | "gone", message: string, options?: ErrorOptions) {
    super("StoreError", code, message, options);
  }
}

test("has its name, code, message and cause, and prints like any error", () => {
  const cause = new Error("disk");
  const error = new StoreError("full", "free some space", { cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: "StoreError", code: "full", message: "free some space", cause });
  expect(error.stack).toContain("free some space");
  expect(inspect(error)).not.toContain("coded-error)");
  expect(Object.keys(error).sort()).toEqual(["code", "name"]);
});

test("is recognized when another copy of this package created it, and only by its own name", async () => {
  const copy: typeof import("./coded-error.ts") = await import(`${import.meta.resolve("./coded-error.ts")}?copy`);
  const error = new copy.CodedError("StoreError", "gone", "it was removed");
  expect(error).not.toBeInstanceOf(CodedError);
  expect(isCodedError(error, "StoreError")).toBe(true);
  expect(isCodedError(error, "QueueError")).toBe(false);
});

test("no other value is recognized", () => {
  for (const value of [
    new Error("StoreError"),
    { name: "StoreError", code: "full" },
    null,
    undefined,
    "StoreError",
    1,
  ]) {
    expect(isCodedError(value, "StoreError")).toBe(false);
  }
});

test("messageOf and codeOf accept any thrown value", () => {
  expect(messageOf(new StoreError("gone", "it was removed"))).toBe("it was removed");
  expect(messageOf("plain text")).toBe("plain text");
  expect(messageOf(undefined)).toBe("undefined");
  expect(codeOf(new StoreError("gone", ""))).toBe("gone");
  expect(codeOf(Object.assign(new Error(), { code: "ENOENT" }))).toBe("ENOENT");
  for (const value of [new Error(), { code: 5 }, null, "gone"]) expect(codeOf(value)).toBeUndefined();
});
