import { oldestCodex } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { expect, test } from "vitest";
import { TRANSPORTS } from "./plan/fault.ts";
import { runFaults } from "./run.ts";

const TURNS = 8;

const runs = [oldestCodex, newestCodex].flatMap((codex) =>
  TRANSPORTS.flatMap((transport) => [1, 2].map((seed) => ({ codex, version: codex.version, transport, seed }))),
);

test.concurrent.each(runs)(
  "faults by seed $seed on codex $version by $transport violate no invariant",
  async ({ codex, transport, seed }) => {
    const lines: string[] = [];
    const { figures } = await runFaults({
      seed,
      codex,
      transport,
      turns: TURNS,
      lanes: 1,
      minutes: 5,
      onLine: (line) => lines.push(line),
    });
    expect(lines).toEqual([]);
    expect(figures.turns).toBe(TURNS);
  },
  300_000,
);
