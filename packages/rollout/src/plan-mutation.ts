import type { CallEdit } from "./call-edit.ts";
import { editLine, topLevel } from "./edit-line.ts";
import type { OpenFile } from "./files.ts";
import { lastMember, stringAt } from "./json-scan.ts";
import { MutationPlan } from "./mutation-plan.ts";
import { type NestedCall, NestedCallPlanner } from "./nested-calls.ts";
import { displayedCall } from "./nested-item.ts";
import { readExactly } from "./open-rollout.ts";
import type { PlannedLine } from "./replacement.ts";
import { toRolloutEntry } from "./rollout-entry.ts";
import { readScriptTurn, type ScriptTurn } from "./script-turn.ts";
import { type FoundLine, type SearchLimits, searchBackward } from "./search-backward.ts";

export interface PlanOptions extends SearchLimits {
  readonly displayCopies: boolean;
  readonly repeatedIds: boolean;
  readonly nestedCalls: ReadonlyMap<string, string>;
}

/**
 * Finds the calls in a file and plans their edits. Searches from the end: a call's outputs stand behind it, and so do codex's
 * copies for its display, so that nothing before the call's own line is read.
 *
 * @param end Where the file is taken to end.
 */
export async function planMutation(
  file: OpenFile,
  path: string,
  end: number,
  edits: ReadonlyMap<string, CallEdit>,
  options: PlanOptions,
): Promise<MutationPlan> {
  const plan = new MutationPlan();
  const needles = new Map([...edits.keys()].map((callId) => [callId, JSON.stringify(callId)]));
  const wanted = new Set(needles.values());
  const isDone = (callId: string) => wanted.delete(needles.get(callId) ?? "");
  const direct = new Map([...edits].filter(([callId]) => !isNested(callId)));
  const answered = new Set<string>();
  const nested: NestedCall[] = [];
  const tooLong = new Set<string>();
  for await (const found of searchBackward(file, path, end, wanted, options)) {
    if (found.bytes === undefined) {
      for (const callId of await idsIn(file, path, found, needles)) tooLong.add(callId);
      continue;
    }
    const line: PlannedLine = { offset: found.offset, bytes: found.bytes, replacements: [] };
    const edit = editLine(line.bytes, direct, options);
    line.replacements = edit.replacements;
    if (line.replacements.length > 0) plan.lines.set(line.offset, line);
    for (const callId of edit.outputs) answered.add(callId);
    for (const callId of [...edit.outputs, ...edit.begins]) plan.touched.add(callId);
    if (!options.repeatedIds) for (const callId of edit.begins) isDone(callId);
    const recorded = nestedEdit(path, found, edits);
    if (recorded === undefined) continue;
    plan.lines.set(line.offset, line);
    nested.push({ edit: recorded, recordLine: line });
    isDone(recorded.callId);
  }
  for (const callId of plan.touched)
    if (direct.get(callId)?.output !== undefined && !answered.has(callId) && !tooLong.has(callId))
      plan.skip(callId, "no-output", "the call has no output: it was aborted, or is still running");
  await planNested(file, path, end, plan, nested, options);
  if (tooLong.size > 0)
    plan.drop(tooLong, "line-too-long", `a line that names the call is longer than ${options.maxLineBytes} bytes`);
  return plan;
}

/** Calls from inside a script, which have no response item of their own. */
const isNested = (callId: string) => callId.startsWith("exec-");

function nestedEdit(path: string, found: FoundLine, edits: ReadonlyMap<string, CallEdit>): CallEdit | undefined {
  const { bytes } = found;
  if (bytes === undefined || stringAt(bytes, lastMember(topLevel(bytes), "type")) !== "event_msg") return undefined;
  const entry = toRolloutEntry(path, { kind: "line", ...found, bytes });
  if (entry?.kind !== "line" || entry.line.type !== "event_msg") return undefined;
  const callId = displayedCall(entry.line.payload)?.callId;
  return callId !== undefined && isNested(callId) ? edits.get(callId) : undefined;
}

async function planNested(
  file: OpenFile,
  path: string,
  end: number,
  plan: MutationPlan,
  calls: readonly NestedCall[],
  options: PlanOptions,
): Promise<void> {
  const turns = new Map<ScriptTurn, NestedCall[]>();
  for (const call of calls) {
    const known = [...turns.keys()].find((turn) => turn.nested.some(({ callId }) => callId === call.edit.callId));
    const turn = known ?? (await readScriptTurn(file, path, end, call.recordLine.offset, options));
    // In the order of the file: they were found from its end.
    turns.set(turn, [call, ...(turns.get(turn) ?? [])]);
  }
  const lineAt = async ({ offset, length }: { offset: number; length: number }): Promise<PlannedLine> =>
    plan.lines.get(offset) ?? { offset, bytes: await readExactly(file, path, offset, length), replacements: [] };
  for (const [turn, group] of turns)
    await new NestedCallPlanner(plan, turn, group, options.nestedCalls, lineAt, options.signal).run();
}

/** The calls named by a line that is too long to be read at once. */
async function idsIn(
  file: OpenFile,
  path: string,
  line: FoundLine,
  needles: ReadonlyMap<string, string>,
): Promise<Set<string>> {
  const found = new Set<string>();
  const step = 1024 * 1024;
  for (let offset = line.offset; offset < line.offset + line.length; offset += step) {
    const length = Math.min(step + 1024, line.offset + line.length - offset);
    const bytes = await readExactly(file, path, offset, length);
    for (const [callId, needle] of needles) if (bytes.includes(needle)) found.add(callId);
  }
  return found;
}
