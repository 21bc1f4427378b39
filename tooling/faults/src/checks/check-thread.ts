import { readFile } from "node:fs/promises";
import type { Bench } from "../host/bench.ts";
import { snapshotOf } from "../host/rollout-snapshot.ts";
import { rolloutFile, type WorkspaceState } from "../host/workspace-state.ts";
import { checkCalls } from "./check-calls.ts";
import { checkRollout } from "./check-rollout.ts";

/** Checks a workspace's rollout between turns against its earlier content and the events that the host received. */
export async function checkThread(bench: Bench, state: WorkspaceState): Promise<void> {
  if (state.threadId === undefined) return;
  const file = await rolloutFile(bench.home.path, state.threadId);
  if (file === undefined) {
    if (state.completed.length > 0) bench.report("rollout", `the rollout of thread ${state.threadId} is gone`);
    return;
  }
  const rollout = snapshotOf(await readFile(file));
  const { snapshot: before, mutated, mutatedOutputs, mayBeTorn, issued, unemitted } = state;
  bench.violations.push(...checkRollout(rollout, { before, mutated, mutatedOutputs, mayBeTorn }));
  const streams = state.streams.map((streamId) => bench.record.stream(streamId));
  bench.violations.push(...checkCalls({ streams, rollout, issued, unemitted }));
  state.snapshot = rollout;
  state.mutated = new Set();
  state.mutatedOutputs = new Set();
}
