import type { CallEdit } from "./call-edit.ts";
import type { MutationPlan } from "./mutation-plan.ts";
import { type NestedRecord, readNestedRecord } from "./nested-record.ts";
import { outputSpan, outputTexts } from "./output-texts.ts";
import { type ResultText, replacePassedOn } from "./passed-on.ts";
import type { PlannedLine } from "./replacement.ts";
import type { Script, ScriptTurn } from "./script-turn.ts";

/** A call from inside a script that is to be edited, with the line that codex recorded it in. */
export interface NestedCall {
  readonly edit: CallEdit;
  readonly recordLine: PlannedLine;
}

/** Gives a line of the file with what is planned for it: read anew, unless the plan has it. */
export type LineAt = (place: { readonly offset: number; readonly length: number }) => Promise<PlannedLine>;

interface Pending extends NestedCall {
  readonly record: NestedRecord;
  /** Those that may have made the call. */
  readonly scripts: readonly Script[];
}

/** A shorter text may stand in the output of a script that did not make the call by chance. */
const MIN_LENGTH_ELSEWHERE = 24;

/** Plans the edits of calls that the scripts of one turn made. */
export class NestedCallPlanner {
  readonly #turn: ScriptTurn;
  readonly #calls: readonly NestedCall[];
  readonly #links: ReadonlyMap<string, string>;
  readonly #lineAt: LineAt;
  readonly #plan: MutationPlan;
  /** What was found and replaced, by the script it was passed on by. */
  readonly #replaced = new Map<Script, Set<string>>();

  /** @param links By the nested call's id: the item id of its script's call. */
  constructor(
    plan: MutationPlan,
    turn: ScriptTurn,
    calls: readonly NestedCall[],
    links: ReadonlyMap<string, string>,
    lineAt: LineAt,
  ) {
    this.#plan = plan;
    this.#turn = turn;
    this.#calls = calls;
    this.#links = links;
    this.#lineAt = lineAt;
  }

  async run(): Promise<void> {
    const notFound: Pending[] = [];
    for (const call of this.#calls) {
      const { callId, output } = call.edit;
      const record = readNestedRecord(call.recordLine.bytes);
      if (record === undefined || output === undefined) {
        const message = "its arguments stand in the script of the outer call: edit that call";
        this.#plan.skip(callId, "arguments-in-script", message);
        continue;
      }
      const pending = { ...call, record, scripts: this.#scriptsOf(callId, call.recordLine.offset) };
      const done = await this.#replace(pending, output);
      if (done === "not-found") notFound.push(pending);
      else if (done === "unclear") {
        const message = "another call of the same turn has the same text in place of its result";
        this.#plan.skip(callId, "already-edited", message);
      } else this.#finish(pending, output);
    }
    const groups = Map.groupBy(notFound, ({ scripts }) => (scripts.length === 1 ? scripts[0] : undefined));
    for (const [script, group] of groups) await this.#replaceWhole(script, group);
  }

  /** The scripts that were running when codex recorded a call, or the one that a link names. */
  #scriptsOf(callId: string, at: number): Script[] {
    const itemId = this.#links.get(callId);
    const linked = this.#turn.scripts.filter((script) => itemId !== undefined && script.itemId === itemId);
    return linked.length > 0 ? linked : this.#turn.scripts.filter((script) => script.offset < at && at < endOf(script));
  }

  async #replace(
    { edit, record, recordLine, scripts }: Pending,
    output: string,
  ): Promise<"done" | "not-found" | "unclear"> {
    if (record.state === "edited") {
      // A note without text had no room for it.
      if (record.to === output || record.to === "") return "done";
      if (record.to === null) return "not-found";
      if (!(await this.#isOnlyOneWith(record.to))) return "unclear";
    }
    const results: ResultText[] =
      record.state === "intact" ? record.results : [{ text: record.to ?? "", isJson: false }];
    let found = false;
    for (const script of this.#turn.scripts) {
      const isOwn = scripts.includes(script);
      const own = script.outputs.find((place) => !place.isNotification);
      if (isOwn && own && (await this.#wasReplacedWhole(own))) {
        found = true;
        continue;
      }
      // What was kept by `store()`, or came when a script had been left to run on, is passed on by a later script.
      const places = script.outputs.filter((place) => isOwn || place.offset > recordLine.offset);
      const candidates = isOwn ? results : results.filter(({ text }) => text.length >= MIN_LENGTH_ELSEWHERE);
      if (places.length === 0 || candidates.length === 0) continue;
      const others = await this.#textsOfOthers(isOwn ? this.#nestedOf(script) : this.#turn.nested, edit.callId);
      const texts = candidates.filter(({ text }) => !others.has(text));
      for (const place of places) {
        const isHere = await this.#replaceTexts(await this.#lineAt(place), texts, edit);
        // In the output of yet another script it says nothing of what the call's own script made of it.
        found ||= isHere && (isOwn || script.isWait);
      }
      if (found && isOwn) this.#remember(script, results);
      // An equal result of another call in this mutation was replaced, and this one with it.
      else if (isOwn) found = results.length > 0 && results.every(({ text }) => this.#replaced.get(script)?.has(text));
    }
    return found ? "done" : "not-found";
  }

  #remember(script: Script, results: readonly ResultText[]): void {
    const texts = this.#replaced.get(script) ?? new Set();
    for (const { text } of results) texts.add(text);
    this.#replaced.set(script, texts);
  }

  /** The results of calls that are not to be edited: an equal text in an output may be theirs. */
  async #textsOfOthers(nested: ScriptTurn["nested"], callId: string): Promise<Set<string>> {
    const texts = new Set<string>();
    for (const place of nested) {
      if (place.callId === callId || this.#isToBeEdited(place.callId)) continue;
      const record = readNestedRecord((await this.#lineAt(place)).bytes);
      if (record?.state === "intact") for (const { text } of record.results) texts.add(text);
    }
    return texts;
  }

  #nestedOf(script: Script): ScriptTurn["nested"] {
    return this.#turn.nested.filter(({ callId, offset }) => this.#scriptsOf(callId, offset).includes(script));
  }

  #isToBeEdited(callId: string): boolean {
    return this.#calls.some(({ edit }) => edit.callId === callId && edit.output !== undefined);
  }

  async #replaceTexts(line: PlannedLine, results: readonly ResultText[], edit: CallEdit): Promise<boolean> {
    let found = false;
    for (const { span, text } of outputTexts(line)) {
      const replaced = replacePassedOn(text, results, edit.output ?? "");
      if (replaced === undefined) continue;
      found = true;
      const earlier = line.replacements.find((one) => one.span.start === span.start);
      line.replacements = line.replacements.filter((one) => one !== earlier);
      const callIds = [...(earlier?.callIds ?? []), edit.callId];
      line.replacements.push({ span, value: JSON.stringify(replaced), callIds });
      this.#plan.lines.set(line.offset, line);
    }
    return found;
  }

  /** True if nothing of a script's own output is left: the outer call itself was edited, now or before. */
  async #wasReplacedWhole(place: Script["outputs"][number]): Promise<boolean> {
    const [text, ...more] = outputTexts(await this.#lineAt(place));
    return text?.isWhole === true && more.length === 0 && !SCRIPT_OUTPUT.test(text.text);
  }

  async #isOnlyOneWith(to: string): Promise<boolean> {
    let count = 0;
    for (const place of this.#turn.nested) {
      const record = readNestedRecord((await this.#lineAt(place)).bytes);
      if (record?.state === "edited" && record.to === to) count++;
    }
    return count === 1;
  }

  /** Calls whose results were not found: the script's whole output goes if that takes nothing but results that are to go. */
  async #replaceWhole(script: Script | undefined, group: readonly Pending[]): Promise<void> {
    if (script !== undefined && (await this.#areAllEdited(script))) {
      for (const place of script.outputs) await this.#replaceOutput(place, group);
      for (const pending of group) this.#finish(pending, pending.edit.output ?? "");
      return;
    }
    const message =
      script === undefined
        ? "its result is not found in the output of any script that ran then; name its script by nestedCalls, or edit the outer call"
        : `its result is not found in the output of ${script.callId}; that goes as a whole once all calls of the script are edited`;
    for (const pending of group) {
      this.#note(pending, null);
      this.#plan.skip(pending.edit.callId, "changed-by-script", message);
    }
  }

  async #areAllEdited(script: Script): Promise<boolean> {
    if (script.isWait || endOf(script) === Number.POSITIVE_INFINITY) return false;
    for (const place of script.outputs)
      if (outputTexts(await this.#lineAt(place)).some(({ text }) => text.startsWith(RUNS_ON))) return false;
    for (const place of this.#nestedOf(script)) {
      if (this.#isToBeEdited(place.callId)) continue;
      if (readNestedRecord((await this.#lineAt(place)).bytes)?.state !== "edited") return false;
    }
    return true;
  }

  async #replaceOutput(place: Script["outputs"][number], group: readonly Pending[]): Promise<void> {
    const line = await this.#lineAt(place);
    const span = outputSpan(line.bytes);
    if (span === undefined) return;
    const inside = line.replacements.filter((one) => one.span.start >= span.start && one.span.end <= span.end);
    const callIds = [...group.map(({ edit }) => edit.callId), ...inside.flatMap((one) => one.callIds)];
    line.replacements = line.replacements.filter((one) => !inside.includes(one));
    line.replacements.push({ span, value: JSON.stringify(group.at(-1)?.edit.output), callIds });
    this.#plan.lines.set(line.offset, line);
  }

  #finish(pending: Pending, output: string): void {
    this.#note(pending, output);
    this.#plan.touched.add(pending.edit.callId);
  }

  /** Leaves in the call's own line what became of its result; `null`: asked for, not found. */
  #note({ record, recordLine, edit }: Pending, to: string | null): void {
    if (record.state === "edited" && record.to === to) return;
    const note = record.note(to) ?? (to === null ? undefined : record.note(""));
    if (note !== undefined) recordLine.replacements.push({ ...note, callIds: [edit.callId] });
  }
}

/** How codex begins the own output of every script. */
const SCRIPT_OUTPUT = /^Script (completed|failed|running|terminated)/;
/** A script that runs on gives the rest of its output to a later `wait`, or to none. */
const RUNS_ON = "Script running with cell ID";

const endOf = (script: Script): number =>
  script.outputs.find((output) => !output.isNotification)?.offset ?? Number.POSITIVE_INFINITY;
