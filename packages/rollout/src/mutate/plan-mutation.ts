import type { FoundLine, PlannedLine, SearchableFile, SearchLimits } from "@plexum/jsonl-edit";
import type { CallPlaces, FilePlaces } from "../calls/call-places.ts";
import { displayedCall, isNestedId } from "../calls/nested-item.ts";
import { type NestedCall, planNestedCalls } from "../code-mode/plan-nested-calls.ts";
import { readScriptTurn, type ScriptTurn } from "../code-mode/script-turn.ts";
import { readExactly } from "../read/open-rollout.ts";
import { toRolloutEntry } from "../read/rollout-entry.ts";
import type { CallEdit } from "./call-edit.ts";
import { editLine, typeOf } from "./edit-line.ts";
import type { MutationPlan } from "./mutation-report.ts";
import { placedLines, placesIn } from "./placed-lines.ts";

export interface PlanOptions extends SearchLimits {
  readonly displayCopies: boolean;
  readonly repeatedIds: boolean;
  readonly nestedCalls: ReadonlyMap<string, string>;
  readonly places?: CallPlaces | undefined;
}

/**
 * Finds the calls in a file and plans their edits. Searches from the end. A call's outputs, and codex's copies for its display, are
 * after the call's own line. So nothing before that line is read. If the places of the calls' lines are known, reads them there, and
 * searches only what was appended since.
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
  const places =
    options.displayCopies || options.repeatedIds ? undefined : placesIn(file, options.places, edits.keys());
  const planner = new Planner(file, plan, edits, options);
  if (places !== undefined && (await planner.planAt(places, end))) return planner.finish(end);
  plan.clear();
  const searching = new Planner(file, plan, edits, options);
  await searching.planFrom(file.search(searching.wanted, options, end));
  await searching.finish(end);
}

class Planner {
  /** The calls that earlier lines may belong to. */
  readonly wanted: Set<string>;
  readonly #file: SearchableFile;
  readonly #plan: MutationPlan;
  readonly #edits: ReadonlyMap<string, CallEdit>;
  readonly #direct: ReadonlyMap<string, CallEdit>;
  readonly #options: PlanOptions;
  readonly #begun = new Set<string>();
  readonly #answered = new Set<string>();
  readonly #nested: NestedCall[] = [];
  readonly #tooLong = new Set<string>();

  constructor(file: SearchableFile, plan: MutationPlan, edits: ReadonlyMap<string, CallEdit>, options: PlanOptions) {
    this.wanted = new Set(edits.keys());
    this.#file = file;
    this.#plan = plan;
    this.#edits = edits;
    this.#direct = new Map([...edits].filter(([callId]) => !isNestedId(callId)));
    this.#options = options;
  }

  /** Plans the edits of the lines at some places. Returns false if there may be other lines. Then the plan must not be used. */
  async planAt(places: FilePlaces, end: number): Promise<boolean> {
    if (end > places.end)
      await this.planFrom(this.#file.search(this.wanted, { ...this.#options, maxBytes: end - places.end }, end));
    const lines = placedLines(this.#file, places, end, this.wanted, this.#options);
    while (this.wanted.size > 0) {
      const next = await lines.next();
      if (next.done && !next.value) return false;
      if (next.done) break;
      await this.#take(next.value);
    }
    // A call that begins before the part that was read may have more lines there.
    return [...this.wanted].every((callId) => places.start === 0 && places.linesOf(callId)?.length === 0);
  }

  async planFrom(lines: AsyncIterable<FoundLine>): Promise<void> {
    for await (const found of lines) await this.#take(found);
  }

  /** Plans the edits of a line. Lines are taken from the last to the first. */
  async #take(found: FoundLine): Promise<void> {
    const { wanted } = this;
    const plan = this.#plan;
    const isWanted = (callId: string) => wanted.has(callId);
    if (found.bytes === undefined) {
      const named = await this.#file.idsIn(found, this.#edits.keys(), this.#options.signal);
      if ([...named].some(isWanted)) for (const callId of named) this.#tooLong.add(callId);
      return;
    }
    const line: PlannedLine = { offset: found.offset, bytes: found.bytes, replacements: [] };
    const edit = editLine(line.bytes, this.#direct, this.#options);
    // If a later call has the same id, the line of the earlier one is not edited.
    if ([...edit.outputs, ...edit.begins, ...edit.replacements.flatMap(({ ids }) => ids)].some(isWanted)) {
      line.replacements = edit.replacements;
      if (line.replacements.length > 0) plan.lines.set(line.offset, line);
      for (const callId of edit.outputs) this.#answered.add(callId);
      for (const callId of edit.begins) this.#begun.add(callId);
      for (const callId of [...edit.outputs, ...edit.begins]) plan.edited.add(callId);
      if (!this.#options.repeatedIds) for (const callId of edit.begins) wanted.delete(callId);
    }
    const recorded = nestedEdit(this.#file.path, found, this.#edits);
    if (recorded === undefined) return;
    plan.lines.set(line.offset, line);
    this.#nested.push({ edit: recorded, recordLine: line });
    wanted.delete(recorded.callId);
  }

  /** Drops what can't be edited, and plans the nested calls. */
  async finish(end: number): Promise<void> {
    const plan = this.#plan;
    const tooLong = this.#tooLong;
    for (const callId of plan.edited) {
      const edit = this.#direct.get(callId);
      if (edit?.output === undefined || this.#answered.has(callId) || tooLong.has(callId)) continue;
      // Its arguments are edited, and it may never get an output: a killed codex does not write it.
      if (edit.arguments !== undefined && this.#begun.has(callId)) continue;
      plan.skip(callId, "no_output", "the call has no output: it was aborted, or is still running");
    }
    await planNested(this.#file, plan, end, this.#nested, this.#options);
    if (tooLong.size > 0)
      plan.drop(
        tooLong,
        "line_too_long",
        `a line that names the call is longer than ${this.#options.maxLineBytes} bytes`,
      );
  }
}

function nestedEdit(path: string, found: FoundLine, edits: ReadonlyMap<string, CallEdit>): CallEdit | undefined {
  const { bytes } = found;
  if (bytes === undefined || typeOf(bytes) !== "event_msg") return undefined;
  const entry = toRolloutEntry(path, { kind: "line", ...found, bytes });
  if (entry?.kind !== "line" || entry.line.type !== "event_msg") return undefined;
  const callId = displayedCall(entry.line.payload)?.callId;
  return callId !== undefined && isNestedId(callId) ? edits.get(callId) : undefined;
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
