import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "apps/*/src/**/*.test.ts",
      "apps/*/test/**/*.test.ts",
      "examples/*/test/**/*.test.ts",
      "tooling/*/src/**/*.test.ts",
    ],
    setupFiles: ["./tooling/real-codex/src/neutral-process.ts"],
    // Far more than any test takes: a busy machine makes tests slow, not wrong.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
