import { dirname, join } from "node:path";
import { newestCodex } from "@plexum/real-codex";
import { afterEach, expect, test, vi } from "vitest";
import { codex147, oldestCodex, since, testedCodexes } from "./index.ts";

afterEach(() => vi.unstubAllEnvs());

test("returns the oldest, those in between, the newest", () => {
  vi.stubEnv("CODEX_UNDER_TEST", undefined);
  expect(testedCodexes()).toEqual([oldestCodex, newestCodex]);
  expect(testedCodexes(codex147)).toEqual([oldestCodex, codex147, newestCodex]);
});

test("returns only the one that the environment names", () => {
  // The folder whose node_modules has @openai/codex.
  vi.stubEnv("CODEX_UNDER_TEST", join(dirname(newestCodex.shim), "../../../.."));
  expect(testedCodexes(codex147)).toEqual([newestCodex]);
});

test("a folder without codex is an error that says what to do", () => {
  vi.stubEnv("CODEX_UNDER_TEST", "/nowhere");
  expect(() => testedCodexes()).toThrow(/CODEX_UNDER_TEST is \/nowhere.*npm install @openai\/codex/);
});

test("versions are compared by number", () => {
  const codex = { ...newestCodex, version: "0.144.10" };
  expect(["0.144.0", "0.144.9", "0.144.10", "0.99.0"].map((version) => since(version)(codex))).not.toContain(false);
  expect(["0.144.11", "0.145.0", "1.0.0"].map((version) => since(version)(codex))).not.toContain(true);
});
