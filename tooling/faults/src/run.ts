import type { CodexInstall } from "@plexum/real-codex";
import type { Transport } from "./fault.ts";
import { planRun } from "./plan.ts";
import { type FoundViolation, runRound } from "./run-round.ts";

export interface RunOptions {
  readonly seed: number;
  readonly codex: CodexInstall;
  readonly transport: Transport;
  readonly turns: number;
  /** How many rounds run at once. */
  readonly lanes: number;
  /** No turn starts later than this. */
  readonly minutes: number;
  readonly onLine: (line: string) => void;
}

export interface RunFigures {
  readonly turns: number;
  readonly rounds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly violations: number;
  readonly seconds: number;
}

/** Runs the planned rounds, several at once, and says what was violated. */
export async function runFaults(options: RunOptions): Promise<{ figures: RunFigures; violations: FoundViolation[] }> {
  const { seed, codex, transport, turns, lanes, minutes, onLine } = options;
  const startedAt = performance.now();
  const goesOn = () => performance.now() - startedAt < minutes * 60_000;
  const rounds = planRun(seed, transport, turns);
  const violations: FoundViolation[] = [];
  const faults = new Map<string, number>();
  let ran = 0;
  let done = 0;
  const lane = async () => {
    for (const round of rounds) {
      if (!goesOn()) return;
      const outcome = await runRound(round, { codex, transport, goesOn });
      done++;
      ran += outcome.turns.length;
      for (const { fault } of outcome.turns) faults.set(fault, (faults.get(fault) ?? 0) + 1);
      for (const violation of outcome.violations) {
        violations.push(violation);
        const place = violation.turn === 0 ? "at its end" : `turn ${violation.turn} (${violation.fault})`;
        onLine(`VIOLATION seed ${seed} round ${round.number} ${place}: ${violation.invariant}: ${violation.what}`);
      }
      if (outcome.keptFolder !== undefined) onLine(`The files of round ${round.number} are in ${outcome.keptFolder}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return {
    figures: {
      turns: ran,
      rounds: done,
      faults: Object.fromEntries([...faults].sort()),
      violations: violations.length,
      seconds,
    },
    violations,
  };
}
