import { createHash } from "node:crypto";
import type { PlannedLine, Span } from "@plexum/jsonl-edit";
import { outputOfItem, outputTexts } from "../calls/output-texts.ts";
import type { CallEdit } from "../mutate/call-edit.ts";
import type { MutationPlan } from "../mutate/mutation-report.ts";
import { type NestedRecord, readNestedRecord } from "./nested-record.ts";
import { type ResultText, replacePassedOn } from "./passed-on.ts";
import type { Script, ScriptTurn } from "./script-turn.ts";

/** A call from inside a script that is to be edited, with the line that codex recorded it in. */
export interface NestedCall {
  readonly edit: CallEdit;
  readonly recordLine: PlannedLine;
}

/** Gives a line of the file with what is planned for it: read from the file, unless the plan has it. */
export type LineAt = (place: { readonly offset: number; readonly length: number }) => Promise<PlannedLine>;

type Nested = ScriptTurn["nested"][number];

/** A result of a call that is to be edited. */
interface Result extends ResultText {
  readonly key: string;
}

interface Pending extends NestedCall {
  readonly output: string;
  readonly record: NestedRecord;
  /** Those that may have made the call. */
  readonly scripts: readonly Script[];
  /** To look for in the outputs of scripts. */
  readonly results: readonly Result[];
  isFound: boolean;
}

/** Of a call's record what the edits of other calls depend on, by the keys of its texts. */
interface KnownRecord {
  readonly isEdited: boolean;
  readonly texts: readonly string[];
}

/** An output of a script, with its texts as they are planned so far. */
interface Output {
  readonly place: Script["outputs"][number];
  readonly line: PlannedLine;
  readonly texts: { readonly span: Span; text: string; readonly isWhole: boolean }[];
}

/** A shorter text may stand in the output of a script that did not make the call by chance. */
const MIN_LENGTH_ELSEWHERE = 24;
const KEY_LENGTH = 64;

/** A text, or of a long one its hash: so that of the calls of a turn some hundred bytes each are kept, however long their results are. */
const keyOf = (text: string) =>
  text.length < KEY_LENGTH ? text : createHash("sha256").update(text).digest("hex").padEnd(KEY_LENGTH);

/**
 * Plans the edits of calls that the scripts of one turn made. Reads each of the turn's records and outputs once or a few times, however
 * many calls are edited. Holds the lines that are edited and the results that are looked for, and of the other lines one at a time.
 */
export class NestedCallPlanner {
  readonly #turn: ScriptTurn;
  readonly #calls: readonly NestedCall[];
  readonly #edited: ReadonlySet<string>;
  readonly #links: ReadonlyMap<string, string>;
  readonly #lineAt: LineAt;
  readonly #plan: MutationPlan;
  readonly #signal: AbortSignal | undefined;
  /** By the offset of its line. */
  readonly #records = new Map<number, KnownRecord>();
  readonly #nestedOf = new Map<Script, Nested[]>();

  /** @param links By the nested call's id: the item id of its script's call. */
  constructor(
    plan: MutationPlan,
    turn: ScriptTurn,
    calls: readonly NestedCall[],
    links: ReadonlyMap<string, string>,
    lineAt: LineAt,
    signal: AbortSignal | undefined,
  ) {
    this.#plan = plan;
    this.#turn = turn;
    this.#calls = calls;
    this.#edited = new Set(calls.flatMap(({ edit }) => (edit.output === undefined ? [] : [edit.callId])));
    this.#links = links;
    this.#lineAt = lineAt;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    for (const place of this.#turn.nested) await this.#learn(place);
    const pending: Pending[] = [];
    for (const call of this.#calls) {
      const { callId, output } = call.edit;
      const record = readNestedRecord(call.recordLine.bytes);
      if (record === undefined || output === undefined) {
        const message = "its arguments stand in the script of the outer call: edit that call";
        this.#plan.skip(callId, "arguments-in-script", message);
      } else if (record.state === "edited" && record.to && record.to !== output && !this.#isOnlyOneWith(record.to)) {
        const message = "another call of the same turn has the same text in place of its result";
        this.#plan.skip(callId, "already-edited", message);
      } else {
        // A note without text had no room for it.
        const isFound = record.state === "edited" && (record.to === output || record.to === "");
        const results = isFound ? [] : resultsOf(record).map((text) => ({ ...text, key: keyOf(text.text) }));
        pending.push({
          ...call,
          output,
          record,
          scripts: this.#scriptsOf(callId, call.recordLine.offset),
          results,
          isFound,
        });
      }
    }
    const sought = pending.filter(
      ({ isFound, record }) => !isFound && (record.state === "intact" || record.to !== null),
    );
    const keptInTurn = this.#textsKept(this.#turn.nested);
    for (const script of this.#turn.scripts) await this.#replaceIn(script, sought, keptInTurn);
    for (const one of pending) if (one.isFound) this.#finish(one);
    const notFound = pending.filter(({ isFound }) => !isFound);
    const groups = Map.groupBy(notFound, ({ scripts }) => (scripts.length === 1 ? scripts[0] : undefined));
    for (const [script, group] of groups) await this.#replaceWhole(script, group);
  }

  async #learn(place: Nested): Promise<void> {
    this.#signal?.throwIfAborted();
    for (const script of this.#scriptsOf(place.callId, place.offset)) {
      const nested = this.#nestedOf.get(script);
      if (nested === undefined) this.#nestedOf.set(script, [place]);
      else nested.push(place);
    }
    const record = readNestedRecord((await this.#lineAt(place)).bytes);
    if (record === undefined) return;
    const texts = resultsOf(record).map(({ text }) => keyOf(text));
    this.#records.set(place.offset, { isEdited: record.state === "edited", texts });
  }

  /** The scripts that were running when codex recorded a call, or the one that a link names. */
  #scriptsOf(callId: string, at: number): Script[] {
    const itemId = this.#links.get(callId);
    const linked = this.#turn.scripts.filter((script) => itemId !== undefined && script.itemId === itemId);
    return linked.length > 0 ? linked : this.#turn.scripts.filter((script) => script.offset < at && at < endOf(script));
  }

  async #replaceIn(script: Script, sought: readonly Pending[], keptInTurn: ReadonlySet<string>): Promise<void> {
    this.#signal?.throwIfAborted();
    // What was kept by `store()`, or came when a script had been left to run on, is passed on by a later script.
    const isLater = (place: Script["outputs"][number], { recordLine }: Pending) => place.offset > recordLine.offset;
    const isConcerned = (one: Pending) =>
      one.scripts.includes(script) || script.outputs.some((place) => isLater(place, one));
    const concerned = sought.filter(isConcerned);
    if (concerned.length === 0) return;
    const outputs = await this.#outputsOf(script);
    const isGone = wasReplacedWhole(outputs.find(({ place }) => !place.isNotification));
    const keptInScript = this.#textsKept(this.#nestedOf.get(script) ?? []);
    const replaced = new Set<string>();
    for (const one of concerned) {
      const isOwn = one.scripts.includes(script);
      if (isOwn && isGone) {
        one.isFound = true;
        continue;
      }
      const candidates = isOwn ? one.results : one.results.filter(({ text }) => text.length >= MIN_LENGTH_ELSEWHERE);
      const kept = isOwn ? keptInScript : keptInTurn;
      const texts = candidates.filter(({ key }) => !kept.has(key));
      for (const output of outputs) {
        if (texts.length === 0 || !(isOwn || isLater(output.place, one))) continue;
        const isHere = this.#replaceTexts(output, texts, one);
        // In the output of yet another script it says nothing of what the call's own script made of it.
        one.isFound ||= isHere && (isOwn || script.isWait);
      }
      if (!isOwn) continue;
      if (one.isFound) for (const { key } of one.results) replaced.add(key);
      // An equal result of another call in this mutation was replaced, and this one with it.
      else one.isFound = one.results.length > 0 && one.results.every(({ key }) => replaced.has(key));
    }
  }

  async #outputsOf(script: Script): Promise<Output[]> {
    const outputs: Output[] = [];
    for (const place of script.outputs) {
      const line = await this.#lineAt(place);
      outputs.push({ place, line, texts: outputTexts(line).map((text) => ({ ...text })) });
    }
    return outputs;
  }

  /** The results of calls that are not to be edited: an equal text in an output may be theirs. */
  #textsKept(nested: readonly Nested[]): Set<string> {
    const kept = new Set<string>();
    for (const { callId, offset } of nested) {
      const record = this.#records.get(offset);
      if (record !== undefined && !record.isEdited && !this.#edited.has(callId))
        for (const text of record.texts) kept.add(text);
    }
    return kept;
  }

  #replaceTexts({ line, texts }: Output, results: readonly ResultText[], { edit, output }: Pending): boolean {
    let found = false;
    for (const one of texts) {
      const replaced = replacePassedOn(one.text, results, output);
      if (replaced === undefined) continue;
      found = true;
      one.text = replaced;
      const earlier = line.replacements.find(({ span }) => span.start === one.span.start);
      line.replacements = line.replacements.filter((other) => other !== earlier);
      const ids = [...(earlier?.ids ?? []), edit.callId];
      line.replacements.push({ span: one.span, value: JSON.stringify(replaced), ids });
      this.#plan.lines.set(line.offset, line);
    }
    return found;
  }

  #isOnlyOneWith(to: string): boolean {
    const key = keyOf(to);
    const withIt = [...this.#records.values()].filter(({ isEdited, texts }) => isEdited && texts.includes(key));
    return withIt.length === 1;
  }

  /** Calls whose results were not found: the script's whole output goes if that takes nothing but results that are to go. */
  async #replaceWhole(script: Script | undefined, group: readonly Pending[]): Promise<void> {
    if (script !== undefined && (await this.#areAllEdited(script))) {
      for (const place of script.outputs) await this.#replaceOutput(place, group);
      for (const pending of group) this.#finish(pending);
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
    const nested = this.#nestedOf.get(script) ?? [];
    return nested.every(({ callId, offset }) => this.#edited.has(callId) || this.#records.get(offset)?.isEdited);
  }

  async #replaceOutput(place: Script["outputs"][number], group: readonly Pending[]): Promise<void> {
    const line = await this.#lineAt(place);
    const span = outputOfItem(line.bytes);
    if (span === undefined) return;
    const inside = line.replacements.filter((one) => one.span.start >= span.start && one.span.end <= span.end);
    const ids = [...group.map(({ edit }) => edit.callId), ...inside.flatMap((one) => one.ids)];
    line.replacements = line.replacements.filter((one) => !inside.includes(one));
    line.replacements.push({ span, value: JSON.stringify(group.at(-1)?.output), ids });
    this.#plan.lines.set(line.offset, line);
  }

  #finish(pending: Pending): void {
    this.#note(pending, pending.output);
    this.#plan.edited.add(pending.edit.callId);
  }

  /** Leaves in the call's own line what became of its result; `null`: asked for, not found. */
  #note({ record, recordLine, edit }: Pending, to: string | null): void {
    if (record.state === "edited" && record.to === to) return;
    const note = record.note(to) ?? (to === null ? undefined : record.note(""));
    if (note !== undefined) recordLine.replacements.push({ ...note, ids: [edit.callId] });
  }
}

/** How codex begins the own output of every script. */
const SCRIPT_OUTPUT = /^Script (completed|failed|running|terminated)/;
/** A script that runs on gives the rest of its output to a later `wait`, or to none. */
const RUNS_ON = "Script running with cell ID";

/** True if nothing of a script's own output is left: the outer call itself was edited, now or before. */
function wasReplacedWhole(own: Output | undefined): boolean {
  const [text, ...more] = own?.texts ?? [];
  return text?.isWhole === true && more.length === 0 && !SCRIPT_OUTPUT.test(text.text);
}

/** What outputs are searched for: what the tool returned, or what an edit has put in its place. */
const resultsOf = (record: NestedRecord): readonly ResultText[] =>
  record.state === "intact" ? record.results : record.to === null ? [] : [{ text: record.to, isJson: false }];

const endOf = (script: Script): number =>
  script.outputs.find((output) => !output.isNotification)?.offset ?? Number.POSITIVE_INFINITY;
