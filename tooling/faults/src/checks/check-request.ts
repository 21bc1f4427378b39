import type { ModelRequest } from "@plexum/scripted-model";
import { isNested } from "../host/rollout-snapshot.ts";
import type { WorkspaceState } from "../host/workspace-state.ts";
import type { Violation } from "./violation.ts";

export const MARKERS = { "consume-light": "...(consumed)", "consume-heavy": "...(tool called)" } as const;

type Thread = Pick<WorkspaceState, "completed" | "consumed" | "answered"> & Partial<Pick<WorkspaceState, "scripts">>;

/** Checks that a request has every completed turn of the thread, and the markers in place of what was consumed. */
export function checkRequest(request: ModelRequest, thread: Thread): Violation[] {
  const { completed, consumed, answered } = thread;
  const isDirect = (id: string) => !isNested(id) && !thread.scripts?.has(id);
  const found: Violation[] = [];
  const prompts = new Set(request.userTexts);
  for (const prompt of completed) {
    if (!prompts.has(prompt)) found.push({ invariant: "thread", what: `the model is not shown the turn "${prompt}"` });
  }
  for (const id of answered.filter(isDirect)) {
    const outputs = request.outputsOf(id);
    if (outputs.length !== 1)
      found.push({ invariant: "thread", what: `the model is shown ${outputs.length} outputs of call ${id}` });
    if (!consumed.has(id) && outputs.some(isMarker))
      found.push({ invariant: "marker", what: `the model is shown a marker for call ${id}, which nobody consumed` });
  }
  for (const [id, { op, isCertain }] of consumed) {
    if (!isDirect(id)) continue;
    const [output] = request.outputsOf(id);
    const call = request.input.find((item) => item.call_id === id && !("output" in item));
    const isMarked = output === MARKERS[op];
    const isHeavy = op === "consume-heavy";
    if (!isMarked && (isCertain || isMarker(output)))
      found.push({ invariant: "marker", what: `the model is shown ${excerpt(output)} for call ${id} after ${op}` });
    if (isHeavy && isMarked && call?.arguments !== "{}")
      found.push({ invariant: "marker", what: `call ${id} has the arguments ${excerpt(call?.arguments)} after ${op}` });
  }
  return found;
}

const isMarker = (output: unknown) => Object.values(MARKERS).some((marker) => marker === output);

const excerpt = (value: unknown) => JSON.stringify(value)?.slice(0, 120);
