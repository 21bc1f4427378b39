import { type Fault, faultKind } from "../plan/fault.ts";
import type { Bench } from "./bench.ts";
import type { RunningTurn, TurnOutcome } from "./host-turn.ts";
import { processesOf } from "./processes.ts";
import { becomesTrue } from "./wait.ts";

/** How long a turn's orphaned processes may live: a watchdog starts first if the plugin was killed. */
const GONE_WITHIN_MS = 20_000;

/** Records what the turn did to the thread, and checks what is known by now. */
export async function settle(
  bench: Bench,
  { streamId, state, script }: RunningTurn,
  outcome: TurnOutcome,
  fault: Fault,
): Promise<void> {
  const saved = await state.savedThreadId();
  if (state.threadId !== undefined && saved !== state.threadId) {
    // A thread without a completed turn may have no record that codex can resume.
    if (state.completed.length > 0) bench.report("thread", `the thread ${state.threadId} was left for ${saved}`);
    state.forget();
    state.streams.push(streamId);
  }
  state.threadId = saved;
  for (const id of script.issued) {
    state.issued.add(id);
    if (bench.record.stream(streamId).end === "plugin-gone") state.unemitted.add(id);
  }
  const ending = `the turn ended with ${outcome.stopReason} (${outcome.error ?? "no error"})`;
  if (outcome.stopReason === "end_turn") {
    state.completed.push(script.prompt);
    state.answered.push(...script.issued);
    const said = outcome.text.split(script.text).length - 1;
    if (said !== 1) bench.report("ending", `the turn completed, and its text came ${said} times`);
  } else if (faultKind(fault).isHarmless) {
    bench.report("ending", ending);
  }
  if (fault !== "cancel" && !CANCELS.has(fault) && outcome.stopReason === "cancelled") bench.report("ending", ending);
  for (const seconds of script.sleeps) {
    const left = () => processesOf(`sleep ${seconds}`);
    if (!(await becomesTrue(() => left().length === 0, GONE_WITHIN_MS)))
      bench.report("leftover", `the turn left ${left().map(({ command }) => command)}`);
  }
}

/** Faults in which the turn is canceled. */
const CANCELS: ReadonlySet<Fault> = new Set([
  "cancel",
  "model-never-ends",
  "stop-codex-cancel",
  "cut-stdin",
  "remove-home",
]);
