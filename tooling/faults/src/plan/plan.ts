import { FAULTS, type Fault, faultKind, type Transport } from "./fault.ts";
import { type Mode, type PlannedScript, planScript } from "./planned-script.ts";
import { Random } from "./random.ts";

/** A moment of a turn: a number of milliseconds after its start, or after the model got its first or second request. */
export interface Instant {
  readonly after: "start" | "first-request" | "second-request";
  readonly ms: number;
}

/** A tool call that the model makes. */
export interface PlannedCall {
  readonly tool: "shell" | "lookup";
  /** How long it runs. */
  readonly ms: number;
  /** Whether the shell command leaves a process behind, in a session of its own. */
  readonly leavesProcess: boolean;
}

export interface PlannedMutation {
  readonly op: "consume-light" | "consume-heavy";
  /** How many calls, and the position of the first among those not yet consumed: from 0, the oldest, up to 1. */
  readonly count: number;
  readonly from: number;
}

export interface PlannedTurn {
  /** Counts from 1 within its round. */
  readonly number: number;
  readonly workspace: "a" | "b";
  readonly fault: Fault;
  /** Before the turn. */
  readonly mutation: PlannedMutation | undefined;
  /** The model's answers with calls, one after another; its last answer is a text. */
  readonly calls: readonly (readonly PlannedCall[])[];
  /** In code mode: the script in which the model makes the calls of each answer. */
  readonly scripts?: readonly PlannedScript[];
  /** When the fault happens. */
  readonly at: Instant;
  /** Which of the model's answers is faulty, if the fault is the model's. */
  readonly answer: number;
  /** How long the fault lasts, if it lasts. */
  readonly ms: number;
}

/** The turns that run on one plugin, in its own folders. */
export interface PlannedRound {
  readonly seed: number;
  readonly number: number;
  readonly mode: Mode;
  /** Whether the plugin's clock is set back and forth during the round. */
  readonly clockJumps: boolean;
  readonly turns: readonly PlannedTurn[];
}

const TURNS_A_ROUND = 25;

export interface RunToPlan {
  readonly seed: number;
  readonly transport: Transport;
  readonly turns: number;
  /** @default "direct" */
  readonly mode?: Mode;
  /** Whether codex is stopped for 30 s, and the host reads nothing for 60 s: for up to 3 s otherwise. */
  readonly isLong?: boolean;
}

/** Plans a run: the same for the same options. */
export function* planRun({
  seed,
  transport,
  turns,
  mode = "direct",
  isLong = false,
}: RunToPlan): Generator<PlannedRound, void> {
  for (let number = 1, planned = 0; planned < turns; number++) {
    const length = Math.min(TURNS_A_ROUND, turns - planned);
    const random = new Random(Math.imul(seed, 1_000_003) + number);
    const clockJumps = random.chance(0.2);
    const shortTurns = Array.from({ length }, (_, index) => planTurn(random, index + 1, transport));
    const timedTurns = isLong
      ? shortTurns.map((turn) => ({ ...turn, ms: LONG_MS[turn.fault] ?? turn.ms }))
      : shortTurns;
    // Choices of their own, so that a seed plans the same faults and calls in both modes.
    const scripting = new Random(Math.imul(seed, 1_000_003) + number + 0x5c0de);
    const roundTurns = mode === "code" ? timedTurns.map((turn) => withScripts(scripting, turn)) : timedTurns;
    yield { seed, number, mode, clockJumps, turns: roundTurns };
    planned += length;
  }
}

const LONG_MS: Readonly<Partial<Record<Fault, number>>> = { "stop-codex": 30_000, "silent-host": 60_000 };

function planTurn(random: Random, number: number, transport: Transport): PlannedTurn {
  const possible = Object.keys(FAULTS).map((name) => name as Fault);
  const weights = Object.fromEntries(
    possible.flatMap((fault) => {
      const { only, weight } = faultKind(fault);
      return only === undefined || only === transport ? [[fault, weight]] : [];
    }),
  ) as Partial<Record<Fault, number>>;
  const fault = random.weighted(weights);
  const calls = Array.from({ length: random.int(NEEDS_CALL.has(fault) ? 1 : 0, 2) }, () =>
    Array.from({ length: random.pick([1, 1, 1, 1, 2, 2, 3]) }, () => planCall(random, fault)),
  );
  return {
    number,
    workspace: random.chance(0.75) ? "a" : "b",
    fault,
    mutation: random.chance(0.4) || fault === "kill-mutation" ? planMutation(random) : undefined,
    calls,
    at: planInstant(random),
    answer: random.int(0, calls.length),
    ms: random.int(200, 3000),
  };
}

/** Puts the calls of each answer into a script. More turns begin with a mutation, since each script has several calls to consume. */
const withScripts = (random: Random, turn: PlannedTurn): PlannedTurn => ({
  ...turn,
  mutation: turn.mutation ?? (random.chance(0.5) ? planMutation(random) : undefined),
  scripts: turn.calls.map(() => planScript(random)),
});

/** The faults that need a call of a host tool. */
const NEEDS_CALL: ReadonlySet<Fault> = new Set(["kill-relay", "kill-bridge"]);

function planCall(random: Random, fault: Fault): PlannedCall {
  const tool = NEEDS_CALL.has(fault) || random.chance(0.5) ? "lookup" : "shell";
  const ms = NEEDS_CALL.has(fault) ? 500 : random.chance(0.5) ? 0 : random.int(1, 400);
  return { tool, ms, leavesProcess: tool === "shell" && random.chance(0.15) };
}

const planMutation = (random: Random): PlannedMutation => ({
  op: random.chance(0.5) ? "consume-light" : "consume-heavy",
  count: random.int(1, 3),
  from: random.next(),
});

function planInstant(random: Random): Instant {
  const after = random.weighted({ start: 3, "first-request": 4, "second-request": 3 } as const);
  return { after, ms: random.chance(0.3) ? random.int(0, 5) : random.int(0, after === "start" ? 400 : 250) };
}
