import type { StreamRecord } from "../host/host-record.ts";
import {
  isNested,
  nestedRecords,
  type RolloutSnapshot,
  recordedCalls,
  recordedOutputs,
} from "../host/rollout-snapshot.ts";
import { callIdsOf, nestedNamesOf, resultIdsOf } from "./check-stream.ts";
import type { Violation } from "./violation.ts";

export interface CallsToCompare {
  /** The streams of one thread. */
  readonly streams: readonly StreamRecord[];
  readonly rollout: RolloutSnapshot;
  /** The calls that the model made; a call from inside a script by its name. */
  readonly issued: ReadonlySet<string>;
  /** The calls of turns whose plugin was killed and could not emit more. */
  readonly unemitted: ReadonlySet<string>;
}

/** Checks that the host's record and the rollout agree on every call id, and that both have only calls of the model. */
export function checkCalls({ streams, rollout, issued, unemitted }: CallsToCompare): Violation[] {
  const found: Violation[] = [];
  const report = (what: string) => found.push({ invariant: "calls", what });
  const emitted = streams.flatMap(callIdsOf);
  const given = new Set(streams.flatMap(resultIdsOf));
  const recorded = recordedCalls(rollout);
  const names = new Map([...streams.flatMap(nestedNamesOf), ...nestedRecords(rollout).map(idAndName)]);
  const nameOf = (id: string) => (isNested(id) ? (names.get(id) ?? id) : id);
  const nestedNames = [...names.values()];
  if (new Set(nestedNames).size < nestedNames.length) report(`one call has two ids: ${repeated(nestedNames)}`);
  const answered = new Set(recordedOutputs(rollout));
  const emittedIds = new Set(emitted);
  if (emittedIds.size < emitted.length) report(`a call was emitted to the host twice: ${repeated(emitted)}`);
  if (new Set(recorded).size < recorded.length) report(`the rollout has a call twice: ${repeated(recorded)}`);
  for (const id of [...emittedIds].filter((id) => !recorded.includes(id)))
    report(`call ${id} was emitted to the host, but is not in the rollout`);
  for (const id of new Set([...emittedIds, ...recorded])) {
    if (!issued.has(nameOf(id))) report(`call ${id} was not made by the model`);
  }
  for (const id of recorded.filter((id) => !emittedIds.has(id) && !unemitted.has(nameOf(id))))
    report(`the rollout has call ${id}, which was not emitted to the host`);
  for (const id of [...answered].filter((id) => emittedIds.has(id) && !given.has(id) && !unemitted.has(nameOf(id))))
    report(`the rollout has an output of call ${id}, which was not emitted to the host`);
  return found;
}

const idAndName = ({ id, name }: { id: string; name: string | undefined }) => [id, name ?? id] as const;

const repeated = (ids: readonly string[]) => ids.filter((id, index) => ids.indexOf(id) !== index).join(", ");
