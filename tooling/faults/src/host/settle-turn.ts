import { isStillRunning, namesShown } from "../checks/check-scripts.ts";
import { nestedNamesOf } from "../checks/check-stream.ts";
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
    // This turn is in the new thread, and so is one that is still running.
    const turns = [script, ...[...bench.running.values()].map((running) => running.script)];
    const own = [...state.scripts].filter(([id]) => turns.some(({ scripts }) => scripts.has(id)));
    state.forget();
    state.streams.push(streamId);
    state.scripts = new Map(own);
  }
  state.threadId = saved;
  const nested = new Map(nestedNamesOf(bench.record.stream(streamId)));
  for (const [id, name] of nested) {
    const asked = bench.askedAs.get(name);
    if (asked !== undefined && asked !== id)
      bench.report("calls", `the host was asked for ${name} as ${asked}, and was sent it as ${id}`);
  }
  for (const id of [...script.issued, ...[...script.scripts.values()].flatMap(({ calls }) => calls)]) {
    state.issued.add(id);
    if (bench.record.stream(streamId).end === "plugin-gone") state.unemitted.add(id);
  }
  const ending = `the turn ended with ${outcome.stopReason} (${outcome.error ?? "no error"})`;
  if (outcome.stopReason === "end_turn") {
    state.completed.push(script.prompt);
    state.answered.push(...script.issued);
    keepScripts();
    const said = outcome.text.split(script.text).length - 1;
    if (said !== 1) bench.report("ending", `the turn completed, and its text came ${said} times`);
  } else {
    // Of an interrupted turn, codex may keep in the thread less than it has shown the model.
    for (const id of script.scripts.keys()) state.scripts.delete(id);
    if (faultKind(fault).isHarmless) bench.report("ending", ending);
  }
  if (fault !== "cancel" && !CANCELS.has(fault) && outcome.stopReason === "cancelled") bench.report("ending", ending);
  for (const seconds of script.sleeps) {
    const left = () => processesOf(`sleep ${seconds}`);
    if (!(await becomesTrue(() => left().length === 0, GONE_WITHIN_MS)))
      bench.report("leftover", `the turn left ${left().map(({ command }) => command)}`);
  }

  /** Makes the calls inside the turn's scripts available for mutations. The host must have been sent each one whose result was shown. */
  function keepScripts(): void {
    for (const id of script.scripts.keys()) {
      const known = state.scripts.get(id);
      if (known === undefined) continue;
      for (const [nestedId, name] of nested) if (known.calls.includes(name)) known.nested.set(nestedId, name);
      state.answered.push(...known.nested.keys());
      bench.nested += known.nested.size;
      const emitted = new Set(known.nested.values());
      for (const name of namesShown(known).filter((name) => !emitted.has(name) && !UNRECORDED.has(fault)))
        bench.report("calls", `the model was shown the result of ${name}, which was not emitted to the host`);
      const missing = known.calls.filter((name) => !namesShown(known).includes(name));
      if (faultKind(fault).isHarmless && missing.length > 0 && !isStillRunning(known))
        bench.report("thread", `the model was not shown the result of ${missing.join(", ")}`);
    }
  }
}

/** Faults in which codex can't record what it has in memory and shows the model. The host receives only what codex records. */
const UNRECORDED: ReadonlySet<Fault> = new Set(["remove-home", "read-only-rollout", "full-disk"]);

/** Faults in which the turn is canceled. */
const CANCELS: ReadonlySet<Fault> = new Set([
  "cancel",
  "model-never-ends",
  "stop-codex-cancel",
  "cut-stdin",
  "remove-home",
]);
