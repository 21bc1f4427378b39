import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("a line of 64 MiB costs less than four times its size", () => {
  const script = fileURLToPath(new URL("./testing/long-line.ts", import.meta.url));
  const { type, growth, lineBytes } = JSON.parse(execFileSync(process.execPath, [script], { encoding: "utf8" }));
  expect(type).toBe("oversized");
  expect(growth).toBeLessThan(4 * lineBytes);
});
