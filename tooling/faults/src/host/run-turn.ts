import { setTimeout as delay } from "node:timers/promises";
import type { Instant, PlannedTurn } from "../plan/plan.ts";
import type { Bench } from "./bench.ts";
import { type RunningTurn, startTurn } from "./host-turn.ts";
import { startFault } from "./inject-fault.ts";
import { consume } from "./mutate.ts";
import { settle } from "./settle-turn.ts";

/** How long any turn may take, even on a busy machine. A longer turn counts as hanging. */
const TURN_LIMIT_MS = 180_000;

/** Runs one turn with its fault, and checks how it ended. */
export async function runTurn(bench: Bench, turn: PlannedTurn): Promise<void> {
  const state = bench.workspaces[turn.workspace];
  if (turn.mutation !== undefined && turn.fault !== "kill-mutation") await consume(bench, state, turn.mutation);
  const fault = startFault(bench, state, turn);
  await fault.before?.();
  const running = await startTurn(bench, state, turn);
  const over = running.over.then(() => "over" as const);
  const happening = fault.during && instant(running, turn.at, over).then(() => fault.during?.(running));
  const limit = new AbortController();
  const ended = await Promise.race([
    over,
    delay(TURN_LIMIT_MS, "late" as const, { signal: limit.signal, ref: false }).catch(() => "over" as const),
  ]);
  limit.abort();
  if (ended === "late") {
    bench.report("hang", `the turn did not end within ${TURN_LIMIT_MS} ms`);
    (await bench.plugin()).kill();
    bench.leavePlugin();
  }
  await happening;
  const outcome = await running.over;
  await fault.after?.(running);
  await settle(bench, running, outcome, turn.fault);
  if (turn.fault === "remove-home") bench.forgetThreads();
}

/** Waits for a moment of the turn, or for its end. */
async function instant(running: RunningTurn, at: Instant, over: Promise<unknown>): Promise<void> {
  const { firstRequest, secondRequest, failed } = running.script;
  const reached = { start: Promise.resolve(), "first-request": firstRequest, "second-request": secondRequest };
  // A model that never ends its first answer gets no second request.
  await Promise.race([Promise.race([reached[at.after], failed]).then(() => delay(at.ms)), over]);
}
