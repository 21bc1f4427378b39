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
    testTimeout: 30_000,
  },
});
