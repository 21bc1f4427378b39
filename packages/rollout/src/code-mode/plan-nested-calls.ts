import type { PlannedLine } from "@plexum/jsonl-edit";
import type { CallEdit } from "../mutate/call-edit.ts";
import type { MutationPlan } from "../mutate/mutation-report.ts";
import { type NestedRecord, readNestedRecord } from "./nested-record.ts";
import type { ResultText } from "./replace-passed-on.ts";
import { type LineAt, ScriptOutput } from "./script-output.ts";
import type { Script, ScriptTurn } from "./script-turn.ts";
import { keyOf, outputOffsetOf, resultsOf, TurnRecords } from "./turn-records.ts";

/** A call from inside a script that is to be edited, with the line in which codex recorded it. */
export interface NestedCall {
  readonly edit: CallEdit;
  readonly recordLine: PlannedLine;
}

export interface NestedCallsContext {
  readonly plan: MutationPlan;
  readonly turn: ScriptTurn;
  /** Maps a nested call's id to the item id of its script's call. */
  readonly links: ReadonlyMap<string, string>;
  readonly lineAt: LineAt;
  readonly signal: AbortSignal | undefined;
}

/** A call whose result is to be replaced. */
interface Pending extends NestedCall {
  readonly output: string;
  readonly record: NestedRecord;
  /** The scripts that may have made the call. */
  readonly scripts: readonly Script[];
  /** The texts to search for in the outputs of scripts. */
  readonly results: readonly (ResultText & { readonly key: string })[];
  isFound: boolean;
}

/** A text shorter than this may be by chance in the output of a script that did not make the call. */
const MIN_LENGTH_ELSEWHERE = 24;

/**
 * Plans the edits of calls that the scripts of one turn made. Reads each of the turn's records and outputs at most a few times,
 * however many calls are edited. Holds in memory the lines to edit, the results to search for, and one other line at a time.
 */
export async function planNestedCalls(calls: readonly NestedCall[], context: NestedCallsContext): Promise<void> {
  const { turn, links, lineAt, signal } = context;
  const edited = new Set(calls.flatMap(({ edit }) => (edit.output === undefined ? [] : [edit.callId])));
  const records = await TurnRecords.read(turn, edited, links, lineAt, signal);
  await new NestedCallPlanner(context, records).plan(calls);
}

class NestedCallPlanner {
  readonly #context: NestedCallsContext;
  readonly #records: TurnRecords;

  constructor(context: NestedCallsContext, records: TurnRecords) {
    this.#context = context;
    this.#records = records;
  }

  async plan(calls: readonly NestedCall[]): Promise<void> {
    const pending = calls.flatMap((call) => this.#pending(call) ?? []);
    const sought = pending.filter(
      ({ isFound, record }) => !isFound && (record.state === "intact" || record.to !== null),
    );
    const keptInTurn = this.#records.textsKept();
    for (const script of this.#context.turn.scripts) await this.#replaceIn(script, sought, keptInTurn);
    for (const one of pending) if (one.isFound) this.#accept(one);
    const notFound = pending.filter(({ isFound }) => !isFound);
    const groups = Map.groupBy(notFound, ({ scripts }) => (scripts.length === 1 ? scripts[0] : undefined));
    for (const [script, group] of groups) await this.#replaceWhole(script, group);
  }

  /** Returns undefined if the call can't be edited. The plan then has the reason. */
  #pending(call: NestedCall): Pending | undefined {
    const { callId, output } = call.edit;
    const { plan } = this.#context;
    const record = readNestedRecord(call.recordLine.bytes);
    if (record === undefined || output === undefined) {
      plan.skip(callId, "arguments_in_script", "its arguments are in the script of the outer call; edit that call");
      return undefined;
    }
    const to = record.state === "edited" ? record.to : undefined;
    if (to && to !== output && !this.#records.isOnlyOneWith(to)) {
      plan.skip(callId, "already_edited", "another call of the same turn has the same text in place of its result");
      return undefined;
    }
    // A note without text means that there was no room for the text.
    const isFound = to === output || to === "";
    const results = isFound ? [] : resultsOf(record).map((text) => ({ ...text, key: keyOf(text.text) }));
    const scripts = this.#records.scriptsOf(callId, call.recordLine.offset);
    return { ...call, output, record, scripts, results, isFound };
  }

  async #replaceIn(script: Script, sought: readonly Pending[], keptInTurn: ReadonlySet<string>): Promise<void> {
    this.#context.signal?.throwIfAborted();
    // A later script may pass on what `store()` kept, and what arrived while an earlier script was running.
    const isLater = (place: { readonly offset: number }, { recordLine }: Pending) => place.offset > recordLine.offset;
    const isConcerned = (one: Pending) =>
      one.scripts.includes(script) || script.outputs.some((place) => isLater(place, one));
    const concerned = sought.filter(isConcerned);
    if (concerned.length === 0) return;
    const outputs = await ScriptOutput.allOf(script, this.#context.lineAt);
    const wasReplaced = outputs.find(({ place }) => !place.isNotification)?.wasReplaced ?? false;
    const keptInScript = this.#records.textsKept(script);
    const replaced = new Set<string>();
    for (const one of concerned) {
      const isOwn = one.scripts.includes(script);
      if (isOwn && wasReplaced) {
        one.isFound = true;
        continue;
      }
      const candidates = isOwn ? one.results : one.results.filter(({ text }) => text.length >= MIN_LENGTH_ELSEWHERE);
      const kept = isOwn ? keptInScript : keptInTurn;
      const texts = candidates.filter(({ key }) => !kept.has(key));
      for (const output of outputs) {
        if (texts.length === 0 || !(isOwn || isLater(output.place, one))) continue;
        const isHere = output.replaceResults(texts, one.output, one.edit.callId);
        if (isHere) this.#context.plan.lines.set(output.line.offset, output.line);
        // Finding it in another script's output does not show what the call's own script did with it.
        one.isFound ||= isHere && (isOwn || script.isWait);
      }
      if (!isOwn) continue;
      if (one.isFound) for (const { key } of one.results) replaced.add(key);
      // Replacing an equal result of another call in this mutation also replaced this one.
      else one.isFound = one.results.length > 0 && one.results.every(({ key }) => replaced.has(key));
    }
  }

  /** Edits calls whose results were not found: replaces the script's whole output, if that loses only results to be edited. */
  async #replaceWhole(script: Script | undefined, group: readonly Pending[]): Promise<void> {
    const { plan, lineAt } = this.#context;
    if (script !== undefined && !script.isWait && outputOffsetOf(script) < Number.POSITIVE_INFINITY) {
      const outputs = await ScriptOutput.allOf(script, lineAt);
      if (this.#records.areAllEdited(script) && !outputs.some(({ isStillRunning }) => isStillRunning)) {
        const ids = group.map(({ edit }) => edit.callId);
        for (const output of outputs)
          if (output.replaceWhole(group.at(-1)?.output, ids)) plan.lines.set(output.line.offset, output.line);
        for (const pending of group) this.#accept(pending);
        return;
      }
    }
    const message =
      script === undefined
        ? "its result was not found in the output of any script that was running; name its script in nestedCalls, or edit the outer call"
        : `its result was not found in the output of ${script.callId}; edit all calls of that script to replace its whole output`;
    for (const pending of group) {
      note(pending, null);
      plan.skip(pending.edit.callId, "changed_by_script", message);
    }
  }

  #accept(pending: Pending): void {
    note(pending, pending.output);
    this.#context.plan.edited.add(pending.edit.callId);
  }
}

/** Notes in the call's record what replaced its result; `null` if the result was not found. */
function note({ record, recordLine, edit }: Pending, to: string | null): void {
  if (record.state === "edited" && record.to === to) return;
  const noted = record.note(to) ?? (to === null ? undefined : record.note(""));
  if (noted !== undefined) recordLine.replacements.push({ ...noted, ids: [edit.callId] });
}
