import { type MutateReport, RpcError } from "@plexum/plugin-sdk";
import { isPassedOn, isStillRunning } from "../checks/check-scripts.ts";
import type { PlannedMutation } from "../plan/plan.ts";
import type { Bench } from "./bench.ts";
import { isNested } from "./rollout-snapshot.ts";
import type { WorkspaceState } from "./workspace-state.ts";

/**
 * Makes the plugin consume calls of the thread, and records its report.
 * @param mayFail Whether the plugin may refuse, as it must if nothing can be written.
 */
export async function consume(
  bench: Bench,
  state: WorkspaceState,
  planned: PlannedMutation,
  mayFail = false,
): Promise<void> {
  const ids = chosenCalls(state, planned);
  if (ids.length === 0) return;
  for (const id of ids) {
    state.mutated.add(id);
    const script = scriptOf(state, id);
    if (script !== undefined) state.mutatedOutputs.add(script[0]);
  }
  const plugin = await bench.plugin();
  const mutations = ids.map((block_id) => ({ block_id, op: planned.op }));
  const note = (isCertain: boolean, noted = ids) => {
    for (const id of noted) state.consumed.set(id, { op: planned.op, isCertain });
  };
  let report: MutateReport;
  try {
    report = await plugin.connection.mutate({ agent_id: state.agentId, workspace: state.path, mutations });
  } catch (error) {
    if (mayFail && RpcError.isInstance(error)) return;
    note(false);
    if ((error as { code?: unknown }).code !== "closed") throw error;
    return;
  }
  const skipped = new Set(report.skipped.map(({ block_id }) => block_id));
  bench.nestedConsumed += ids.filter((id) => isNested(id) && !skipped.has(id)).length;
  for (const id of ids) scriptOf(state, id)?.[1].asked.add(id);
  const unfound = ids.filter((id) => skipped.has(id) && maySkip(state, id));
  note(
    true,
    ids.filter((id) => !unfound.includes(id)),
  );
  if (report.touched + unfound.length !== ids.length)
    bench.report("marker", `${planned.op} of ${ids.join(", ")} was reported as ${JSON.stringify(report)}`);
}

/** Returns the script that made a call, with its call id. */
const scriptOf = ({ scripts }: WorkspaceState, id: string) => [...scripts].find(([, { nested }]) => nested.has(id));

/**
 * Returns whether a mutation may skip a call: its script did not pass on the result as it was, and its whole output can't be replaced,
 * since it is not over, or not all of its calls are to be consumed.
 */
function maySkip(state: WorkspaceState, id: string): boolean {
  const script = scriptOf(state, id)?.[1];
  if (script === undefined || isPassedOn(script, script.nested.get(id) ?? id)) return false;
  return isStillRunning(script) || [...script.nested.keys()].some((other) => !script.asked.has(other));
}

/** Returns the calls whose output is in the requests and that are not known to be consumed. */
function chosenCalls({ answered, consumed }: WorkspaceState, { count, from }: PlannedMutation): string[] {
  const open = answered.filter((id) => !consumed.has(id));
  const first = Math.floor(from * open.length);
  return open.slice(first, first + count);
}
