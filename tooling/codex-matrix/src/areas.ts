import { byVersion } from "./versions.ts";

/** The subjects of the tests: the columns of the table, in its order. */
export const AREAS = [
  "finding codex",
  "turns",
  "endings",
  "failures",
  "host tools",
  "in code mode",
  "consuming",
  "consuming in code mode",
  "sessions",
] as const;

export type Area = (typeof AREAS)[number];

interface TestFile {
  readonly area: Area;
  /** The area of those of its tests whose name says "in code mode". */
  readonly codeMode?: Area;
  /** The first version that has what the file tests. For older versions it has no tests. */
  readonly since?: string;
}

/** Every test file that runs on `testedCodexes`, relative to the repository's root. */
export const TEST_FILES: Readonly<Record<string, TestFile>> = {
  "apps/plugin/test/cancellation.test.ts": { area: "endings" },
  "apps/plugin/test/new-home.test.ts": { area: "endings" },
  "apps/plugin/test/consume.test.ts": { area: "consuming", codeMode: "consuming in code mode" },
  "apps/plugin/test/conversation.test.ts": { area: "turns" },
  "apps/plugin/test/damaged-threads.test.ts": { area: "failures" },
  "apps/plugin/test/ending.test.ts": { area: "endings" },
  "apps/plugin/test/failures.test.ts": { area: "failures" },
  "apps/plugin/test/hostile-texts.test.ts": { area: "failures" },
  "apps/plugin/test/host-tools-each-turn.test.ts": { area: "host tools", codeMode: "in code mode" },
  "apps/plugin/test/copied-home.test.ts": { area: "consuming" },
  "apps/plugin/test/host-tools.test.ts": { area: "host tools", codeMode: "in code mode" },
  "apps/plugin/test/kept-process.test.ts": { area: "endings" },
  "apps/plugin/test/kept-threads.test.ts": { area: "sessions", since: "0.136.0" },
  "apps/plugin/test/limits.test.ts": { area: "turns" },
  "apps/plugin/test/session-slim.test.ts": { area: "sessions" },
  "apps/plugin/test/session-slim-code-mode.test.ts": { area: "sessions", codeMode: "in code mode", since: "0.144.0" },
  "apps/plugin/test/sessions.test.ts": { area: "sessions" },
  "packages/codex-app-server/src/server-pool.test.ts": { area: "endings" },
  "apps/plugin/test/streaming.test.ts": { area: "turns", codeMode: "in code mode" },
  "apps/plugin/test/turn-settings.test.ts": { area: "turns" },
  "packages/codex-commands/src/resume-session.test.ts": { area: "sessions" },
  "packages/codex-commands/src/session-commands.test.ts": { area: "sessions" },
  "packages/codex-turn/src/locate.test.ts": { area: "finding codex" },
  "packages/codex-turn/src/probe-codex.test.ts": { area: "finding codex" },
  "packages/codex-exec/src/start-turn.test.ts": { area: "turns" },
  "packages/mcp-bridge/src/registration/codex-registration.test.ts": { area: "host tools" },
  "packages/mcp-bridge/src/codex.test.ts": { area: "host tools", codeMode: "in code mode" },
  "packages/rollout/src/codex-code-mode.test.ts": { area: "consuming", codeMode: "consuming in code mode" },
  "packages/rollout/src/codex-direct.test.ts": { area: "consuming" },
  "packages/rollout/src/mutate/estimate-cost.test.ts": { area: "consuming" },
  "packages/rollout/src/calls/read-thread-calls.test.ts": { area: "sessions" },
  "packages/rollout/src/restore/restore-rollout.test.ts": { area: "consuming" },
  "packages/codex-sessions/src/codex.test.ts": { area: "sessions" },
};

export const filesFor = (version: string): string[] =>
  Object.entries(TEST_FILES).flatMap(([file, { since }]) =>
    since === undefined || byVersion(version, since) >= 0 ? [file] : [],
  );

export function areaOf(file: string, testName: string): Area {
  const { area, codeMode } = TEST_FILES[file] ?? {};
  const found = testName.includes("in code mode") ? codeMode : area;
  if (found === undefined) throw new Error(`"${testName}" in ${file} belongs to no area: name one in areas.ts`);
  return found;
}
