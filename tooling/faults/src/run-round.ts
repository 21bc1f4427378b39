import { writeFile } from "node:fs/promises";
import { setInterval } from "node:timers";
import { checkLeftovers } from "./checks/check-leftovers.ts";
import { checkStream } from "./checks/check-stream.ts";
import { checkThread } from "./checks/check-thread.ts";
import type { Violation } from "./checks/violation.ts";
import { Bench, type BenchOptions } from "./host/bench.ts";
import { runTurn } from "./host/run-turn.ts";
import { waitedForCpuMs } from "./host/waited-for-cpu.ts";
import { type Fault, faultKind } from "./plan/fault.ts";
import type { PlannedRound, PlannedTurn } from "./plan/plan.ts";
import { Random } from "./plan/random.ts";

export interface FoundViolation extends Violation {
  readonly round: number;
  /** 0: at the end of the round. */
  readonly turn: number;
  readonly fault: string;
}

export interface RoundOutcome {
  /** The fault of each turn that ran. A fault that is impossible on this machine counts as none. */
  readonly faults: readonly Fault[];
  readonly violations: readonly FoundViolation[];
  /** How many turns ended wrongly because they did not get CPU time and a time limit ran out. */
  readonly starved: number;
  /** How many calls from inside scripts the host received in turns that completed, and how many of them were consumed. */
  readonly nested: number;
  readonly nestedConsumed: number;
  /** The folder with the files of a round with a violation. */
  readonly keptFolder: string | undefined;
}

export interface RunRoundOptions extends Omit<BenchOptions, "clockJumps" | "mode"> {
  /** Called before each turn: a run that must end skips to the end of the round. */
  readonly goesOn: () => boolean;
}

/**
 * If the host itself waited this long for a CPU during a turn, the turn's end proves nothing: the plugin and codex have also waited,
 * and their limits are in real time. All other invariants are independent of time.
 */
const STARVED_MS = 2000;

/** Runs the turns of a round one after another on one plugin, checks each, and looks for leftovers at the end. */
export async function runRound(round: PlannedRound, options: RunRoundOptions): Promise<RoundOutcome> {
  const bench = await Bench.create({ ...options, mode: round.mode, clockJumps: round.clockJumps });
  const stopClock = round.clockJumps ? moveClock(bench, round.seed) : () => {};
  const violations: FoundViolation[] = [];
  let starved = 0;
  let waitedMs = waitedForCpuMs();
  const collect = (turn: number, fault: string) => {
    const isStarved = waitedForCpuMs() - waitedMs > STARVED_MS;
    waitedMs = waitedForCpuMs();
    const found = bench.violations.splice(0);
    const strict = found.filter(({ invariant }) => !(isStarved && invariant === "ending"));
    if (strict.length < found.length) starved++;
    for (const violation of strict) violations.push({ ...violation, round: round.number, turn, fault });
  };
  const turns: PlannedTurn[] = [];
  try {
    for (const turn of round.turns) {
      if (violations.length > 0 || !options.goesOn()) break;
      await runTurn(bench, turn);
      turns.push(turn);
      for (const state of Object.values(bench.workspaces)) await checkThread(bench, state);
      collect(turn.number, turn.fault);
    }
    if (violations.length === 0) await endRound(bench, round, turns);
    collect(0, "the end");
  } catch (error) {
    bench.report("ending", `the host failed: ${(error as Error).stack}`);
    collect(turns.length + 1, "");
  } finally {
    stopClock();
  }
  const keptFolder = await bench.remove(violations.length > 0);
  const faults = turns.map(({ fault }) => (faultKind(fault).needsMount && !bench.canMount ? "none" : fault));
  return { faults, violations, starved, nested: bench.nested, nestedConsumed: bench.nestedConsumed, keptFolder };
}

/** Runs one more turn of each thread, which finishes what was interrupted. Then ends the plugin, and checks for leftovers. */
async function endRound(bench: Bench, { mode }: PlannedRound, turns: readonly PlannedTurn[]): Promise<void> {
  const scripts = mode === "code" ? { scripts: [{ handling: "raw", isParallel: false }] as const } : {};
  for (const workspace of ["a", "b"] as const) {
    if (bench.workspaces[workspace].streams.length === 0) continue;
    await runTurn(bench, { ...LAST_TURN, ...scripts, number: turns.length + 1, workspace });
    await checkThread(bench, bench.workspaces[workspace]);
  }
  const plugin = await bench.plugin();
  const code = await plugin.close();
  if (code !== 0) bench.report("ending", `the plugin ended with ${code}`);
  for (const stream of bench.record.streams.values()) bench.violations.push(...checkStream(stream));
  for (const line of bench.record.brokenLines) bench.report("stream", `the plugin wrote what is no message: ${line}`);
  const { folder: profile, temporary, workspaces } = bench;
  const paths = Object.values(workspaces).map(({ path }) => path);
  bench.violations.push(
    ...(await checkLeftovers({ profile, codexHome: bench.home.path, temporary, workspaces: paths })),
  );
}

const LAST_TURN = {
  fault: "none",
  mutation: undefined,
  calls: [[{ tool: "lookup", ms: 0, leavesProcess: false }]],
  at: { after: "start", ms: 0 },
  answer: 0,
  ms: 0,
} as const satisfies Partial<PlannedTurn>;

/** Sets the plugin's clock back and forth, by up to two days. */
function moveClock(bench: Bench, seed: number): () => void {
  const random = new Random(seed);
  const timer = setInterval(() => {
    const offset = random.int(-172_800_000, 172_800_000);
    writeFile(bench.clockFile, String(offset)).catch(() => {});
  }, 300);
  return () => clearInterval(timer);
}
