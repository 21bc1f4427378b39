import type { StreamRecord } from "../host/host-record.ts";
import { type RolloutSnapshot, recordedCalls, recordedOutputs } from "../host/rollout-snapshot.ts";
import { callIdsOf, resultIdsOf } from "./check-stream.ts";
import type { Violation } from "./violation.ts";

export interface CallsToCompare {
  /** The streams of one thread. */
  readonly streams: readonly StreamRecord[];
  readonly rollout: RolloutSnapshot;
  /** The calls that the model made. */
  readonly issued: ReadonlySet<string>;
  /** Those of turns whose plugin was killed, and could tell the host no more. */
  readonly untold: ReadonlySet<string>;
}

/** Checks that the host's record and the rollout agree on every call id, and that both have only calls of the model. */
export function checkCalls({ streams, rollout, issued, untold }: CallsToCompare): Violation[] {
  const found: Violation[] = [];
  const report = (what: string) => found.push({ invariant: "calls", what });
  const told = streams.flatMap(callIdsOf);
  const given = new Set(streams.flatMap(resultIdsOf));
  const recorded = recordedCalls(rollout);
  const answered = new Set(recordedOutputs(rollout));
  const toldOnce = new Set(told);
  if (toldOnce.size < told.length) report(`the host was told a call twice: ${repeated(told)}`);
  if (new Set(recorded).size < recorded.length) report(`the rollout has a call twice: ${repeated(recorded)}`);
  for (const id of [...toldOnce].filter((id) => !recorded.includes(id)))
    report(`the host was told call ${id}, which the rollout does not have`);
  for (const id of new Set([...toldOnce, ...recorded])) {
    if (!issued.has(id)) report(`call ${id} is none that the model made`);
  }
  for (const id of recorded.filter((id) => !toldOnce.has(id) && !untold.has(id)))
    report(`the rollout has call ${id}, which the host was not told`);
  for (const id of [...answered].filter((id) => toldOnce.has(id) && !given.has(id) && !untold.has(id)))
    report(`the rollout has an output of call ${id}, which the host was not told`);
  return found;
}

const repeated = (ids: readonly string[]) => ids.filter((id, index) => ids.indexOf(id) !== index).join(", ");
