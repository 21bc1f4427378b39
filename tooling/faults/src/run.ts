import type { CodexInstall } from "@plexum/real-codex";
import { planRun, type RunToPlan } from "./plan/plan.ts";
import { type FoundViolation, runRound } from "./run-round.ts";

export interface RunOptions extends RunToPlan {
  readonly codex: CodexInstall;
  /** The only round to run. Default: all. */
  readonly onlyRound?: number | undefined;
  /** How many rounds run at once. */
  readonly lanes: number;
  /** No turn starts later than this. */
  readonly minutes: number;
  /** No turn starts after it is aborted. */
  readonly signal?: AbortSignal;
  /** Called after each round with its number and how many turns ran. */
  readonly onRound?: (number: number, turns: number) => void;
  readonly onLine: (line: string) => void;
}

export interface RunFigures {
  readonly turns: number;
  readonly rounds: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly violations: number;
  /** Turns whose end proves nothing, since they did not get CPU time. */
  readonly starved: number;
  /** In code mode: the calls from inside scripts of turns that completed, and those of them that were consumed. */
  readonly nested: number;
  readonly nestedConsumed: number;
  readonly seconds: number;
}

/** How many violations of one round are printed: one cause can produce hundreds. */
const SHOWN = 5;

/** Runs the planned rounds, several at once, and reports the violations. */
export async function runFaults(options: RunOptions): Promise<{ figures: RunFigures; violations: FoundViolation[] }> {
  const { seed, codex, transport, lanes, minutes, onlyRound, signal, onLine } = options;
  const startedAt = performance.now();
  const goesOn = () => !signal?.aborted && performance.now() - startedAt < minutes * 60_000;
  const rounds = planRun(options);
  const violations: FoundViolation[] = [];
  const faults = new Map<string, number>();
  let ran = 0;
  let done = 0;
  let starved = 0;
  let nested = 0;
  let nestedConsumed = 0;
  const lane = async () => {
    for (const round of rounds) {
      if (!goesOn()) return;
      if (onlyRound !== undefined && round.number !== onlyRound) continue;
      const outcome = await runRound(round, { codex, transport, goesOn });
      done++;
      starved += outcome.starved;
      nested += outcome.nested;
      nestedConsumed += outcome.nestedConsumed;
      ran += outcome.faults.length;
      for (const fault of outcome.faults) faults.set(fault, (faults.get(fault) ?? 0) + 1);
      violations.push(...outcome.violations);
      for (const { turn, fault, invariant, what } of outcome.violations.slice(0, SHOWN)) {
        const place = turn === 0 ? "at its end" : `turn ${turn} (${fault})`;
        onLine(`VIOLATION seed ${seed} round ${round.number} ${place}: ${invariant}: ${what}`);
      }
      if (outcome.violations.length > SHOWN) onLine(`... and ${outcome.violations.length - SHOWN} more`);
      options.onRound?.(round.number, outcome.faults.length);
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
      starved,
      nested,
      nestedConsumed,
      seconds,
    },
    violations,
  };
}
