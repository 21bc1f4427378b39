import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("reading a line of 64 MiB takes about twice the line limit of 32 MiB in memory", () => {
  const script = fileURLToPath(new URL("./testing/long-line.ts", import.meta.url));
  const { type, growth, lineBytes } = JSON.parse(execFileSync(process.execPath, [script], { encoding: "utf8" }));
  expect(type).toBe("oversized");
  // Keeping the line would take at least twice its own size.
  expect(growth).toBeLessThan(1.5 * lineBytes);
});
