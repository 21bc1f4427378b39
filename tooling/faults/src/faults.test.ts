import { oldestCodex } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { expect, test } from "vitest";
import { TRANSPORTS } from "./plan/fault.ts";
import { runFaults } from "./run.ts";

const TURNS = 8;

const direct = [oldestCodex, newestCodex].flatMap((codex) =>
  TRANSPORTS.flatMap((transport) => [1, 2].map((seed) => ({ codex, transport, seed, mode: "direct" as const }))),
);
const inCodeMode = TRANSPORTS.map((transport) => ({ codex: newestCodex, transport, seed: 3, mode: "code" as const }));
const runs = [...direct, ...inCodeMode].map((run) => ({ ...run, version: run.codex.version }));

test.concurrent.each(runs)(
  "faults by seed $seed in $mode mode on codex $version by $transport violate no invariant",
  async ({ codex, transport, seed, mode }) => {
    const lines: string[] = [];
    const { figures } = await runFaults({
      seed,
      codex,
      transport,
      mode,
      turns: TURNS,
      lanes: 1,
      minutes: 5,
      onLine: (line) => lines.push(line),
    });
    expect(lines).toEqual([]);
    expect(figures.turns).toBe(TURNS);
    // Without calls from inside scripts, a run in code mode would check nothing.
    if (mode === "code") expect(Math.min(figures.nested, figures.nestedConsumed)).toBeGreaterThan(0);
  },
  300_000,
);
