import type { FoundLine, PlannedLine, SearchableFile, SearchLimits } from "@plexum/jsonl-edit";
import { displayedCall } from "../calls/nested-item.ts";
import { type NestedCall, planNestedCalls } from "../code-mode/plan-nested-calls.ts";
import { readScriptTurn, type ScriptTurn } from "../code-mode/script-turn.ts";
import { readExactly } from "../read/open-rollout.ts";
import { toRolloutEntry } from "../read/rollout-entry.ts";
import type { CallEdit } from "./call-edit.ts";
import { editLine, typeOf } from "./edit-line.ts";
import type { MutationPlan } from "./mutation-report.ts";

export interface PlanOptions extends SearchLimits {
  readonly displayCopies: boolean;
  readonly repeatedIds: boolean;
  readonly nestedCalls: ReadonlyMap<string, string>;
}

/**
 * Finds the calls in a file and plans their edits. Searches from the end. A call's outputs, and codex's copies for its display, are
 * after the call's own line. So nothing before that line is read.
 *
 * @param end The offset at which to start the search, as if the file ended there.
 */
export async function planMutation(
  file: SearchableFile,
  plan: MutationPlan,
  end: number,
  edits: ReadonlyMap<string, CallEdit>,
  options: PlanOptions,
): Promise<void> {
  const wanted = new Set(edits.keys());
  const direct = new Map([...edits].filter(([callId]) => !isNested(callId)));
  const begun = new Set<string>();
  const answered = new Set<string>();
  const nested: NestedCall[] = [];
  const tooLong = new Set<string>();
  for await (const found of file.search(wanted, options, end)) {
    if (found.bytes === undefined) {
      for (const callId of await file.idsIn(found, edits.keys(), options.signal)) tooLong.add(callId);
      continue;
    }
    const line: PlannedLine = { offset: found.offset, bytes: found.bytes, replacements: [] };
    const edit = editLine(line.bytes, direct, options);
    line.replacements = edit.replacements;
    if (line.replacements.length > 0) plan.lines.set(line.offset, line);
    for (const callId of edit.outputs) answered.add(callId);
    for (const callId of edit.begins) begun.add(callId);
    for (const callId of [...edit.outputs, ...edit.begins]) plan.edited.add(callId);
    if (!options.repeatedIds) for (const callId of edit.begins) wanted.delete(callId);
    const recorded = nestedEdit(file.path, found, edits);
    if (recorded === undefined) continue;
    plan.lines.set(line.offset, line);
    nested.push({ edit: recorded, recordLine: line });
    wanted.delete(recorded.callId);
  }
  for (const callId of plan.edited) {
    const edit = direct.get(callId);
    if (edit?.output === undefined || answered.has(callId) || tooLong.has(callId)) continue;
    // Its arguments are edited, and it may never get an output: a killed codex does not write it.
    if (edit.arguments !== undefined && begun.has(callId)) continue;
    plan.skip(callId, "no_output", "the call has no output: it was aborted, or is still running");
  }
  await planNested(file, plan, end, nested, options);
  if (tooLong.size > 0)
    plan.drop(tooLong, "line_too_long", `a line that names the call is longer than ${options.maxLineBytes} bytes`);
}

/** Returns true for a call from inside a script, which has no response item. */
const isNested = (callId: string) => callId.startsWith("exec-");

function nestedEdit(path: string, found: FoundLine, edits: ReadonlyMap<string, CallEdit>): CallEdit | undefined {
  const { bytes } = found;
  if (bytes === undefined || typeOf(bytes) !== "event_msg") return undefined;
  const entry = toRolloutEntry(path, { kind: "line", ...found, bytes });
  if (entry?.kind !== "line" || entry.line.type !== "event_msg") return undefined;
  const callId = displayedCall(entry.line.payload)?.callId;
  return callId !== undefined && isNested(callId) ? edits.get(callId) : undefined;
}

async function planNested(
  file: SearchableFile,
  plan: MutationPlan,
  end: number,
  calls: readonly NestedCall[],
  options: PlanOptions,
): Promise<void> {
  const turns = new Map<ScriptTurn, NestedCall[]>();
  const turnOf = new Map<string, ScriptTurn>();
  // They were found from the end of the file. Handle them in its order.
  for (const call of calls.toReversed()) {
    const known = turnOf.get(call.edit.callId);
    const turn = known ?? (await readScriptTurn(file, end, call.recordLine.offset, options));
    if (known === undefined) for (const { callId } of turn.nested) turnOf.set(callId, turn);
    const group = turns.get(turn);
    if (group === undefined) turns.set(turn, [call]);
    else group.push(call);
  }
  const lineAt = async ({ offset, length }: { offset: number; length: number }): Promise<PlannedLine> =>
    plan.lines.get(offset) ?? {
      offset,
      bytes: await readExactly(file.file, file.path, offset, length),
      replacements: [],
    };
  const { nestedCalls: links, signal } = options;
  for (const [turn, group] of turns) await planNestedCalls(group, { plan, turn, links, lineAt, signal });
}
