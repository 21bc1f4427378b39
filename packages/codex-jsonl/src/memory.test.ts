import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("a line of 64 MiB costs about twice the 32 MiB up to which lines are kept", () => {
  const script = fileURLToPath(new URL("./testing/long-line.ts", import.meta.url));
  const { type, growth, lineBytes } = JSON.parse(execFileSync(process.execPath, [script], { encoding: "utf8" }));
  expect(type).toBe("oversized");
  // Keeping it would take twice its own size at least.
  expect(growth).toBeLessThan(1.5 * lineBytes);
});
